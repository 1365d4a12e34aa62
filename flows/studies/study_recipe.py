"""The recipe of a study: a paper, its claim, the models, the measure, and what the claim predicts.

A claim of `rollmill claims` shares pools that one model draws; a study has models of its own. Predictions and verdicts
follow the same rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.recipe.methods import resolve as resolve_method
from rollmill.flows.recipe.parse import explain, naming, parse
from rollmill.flows.recipe.schema import Method, Part, SchemaOne, Slug, Text
from rollmill.flows.studies.effects import EffectPrediction, Sign
from rollmill.flows.studies.shelf import FOLDER
from rollmill.flows.trials.trial_recipe import LoadedTrial, TrialRecipe, resolve_trial
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128


class StudiedPaper(Part):
    """The paper of a study."""

    title: Text
    """Title."""
    source: Text
    """Authors, year, place; for example `arXiv:2502.07154`."""
    reports: Text
    """Result that the paper reports, in a sentence."""


class StudyRecipe(Part):
    """A study of a paper's claim."""

    study_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the study, of its report, and of the models that it trains."""
    paper: StudiedPaper
    """Source of the claim."""
    claim: Text
    """The claim that is tested, in a sentence."""
    measure: Method
    """Measure with its options."""
    trial: dict[str, Any] | None = None
    """Trained models: the keys of a trial but name and schema; none: the measure trains its own, or takes `models`."""
    models: dict[Slug, Text] = Field(default_factory=dict)
    """Models that are measured as they are: versions or shipped folders, by the name of the arm."""
    expects: Annotated[tuple[tuple[Text, Sign, Annotated[float, Field(ge=0.0)]], ...], Field(min_length=1)]
    """Effects that the claim predicts: name, sign and tolerance, stated before anything is measured."""
    reach: Text
    """Limits of the study: size, data, what it cannot say."""
    seed: int = Field(default=1, ge=0, lt=2**63, strict=True)
    """Seed of what the measure draws and trains."""


@dataclass(frozen=True, slots=True)
class LoadedStudy:
    """A study whose files are read. `trial`: its trained models."""

    recipe: StudyRecipe
    measure: MethodSpec
    trial: LoadedTrial | None

    @property
    def expected(self) -> list[EffectPrediction]:
        """The predictions, in the recipe's order."""
        return [EffectPrediction(name, sign, tolerance) for name, sign, tolerance in self.recipe.expects]

    @property
    def recipe_hash(self) -> str:
        """Hash of everything in the recipe that can change a number; the paper's words and the predictions cannot."""
        trial = None
        if self.trial is not None:
            trainings = [[arm, training.canonical()] for arm, training in self.trial.trainings.items()]
            trial = [trainings, self.recipe.trial, self.trial.evaluation.canonical()]
        built = self.measure.build()
        parts = [self.measure.canonical(), built.version, self.recipe.seed, dict(self.recipe.models), trial]
        return digest128(["study", *parts])

    def study_id(self, data: Mapping[str, str]) -> str:
        """Hash of the recipe and of the data and models behind it: `data` has digests of an arm's rows or of its model."""
        return digest128([self.recipe_hash, dict(data)])


def load_study(path: Path, *, sets: Sequence[str] = ()) -> LoadedStudy:
    """The study of a file after `--set` overrides; SetupError in one line for any mistake in it or in what it names."""
    recipe = parse(path, StudyRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        measure = resolve_method("measure", recipe.measure.method, recipe.measure.options, base=path.parent)
        measure.build()
        if recipe.trial is not None and recipe.models:
            raise SetupError("a study has a trial or models, not both.", next_command="give one of them")
        return LoadedStudy(recipe, measure, None if recipe.trial is None else _trial(recipe, path.parent))


def _trial(recipe: StudyRecipe, folder: Path) -> LoadedTrial:
    given = {"equal": "as_stated", **(recipe.trial or {}), "trial_schema": 1, "name": recipe.name}
    try:
        trial = TrialRecipe.model_validate(given)
    except ValidationError as error:
        raise SetupError(explain(error, TrialRecipe, Path("trial"), {})) from None
    return resolve_trial(trial, folder)
