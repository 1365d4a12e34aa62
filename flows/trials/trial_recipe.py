"""The recipe of a trial: arms, the training that they share, seeds, and the evaluation that compares their students."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from rollmill.flows.recipe.evaluations import EvaluationRecipe, LoadedEvaluationRecipe, load_evaluation
from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.parse import explain, naming, parse
from rollmill.flows.recipe.schema import Part, SchemaOne, Slug, Text
from rollmill.flows.training.training_recipe import LENGTHS, LoadedTraining, TrainingRecipe, resolve_training
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128

FOLDER = "recipes/trials"
PILOT = 3
"""Seeds of the first arm that say how much students differ, before the rest is spent."""


class TrialEvaluation(Part):
    """The evaluation of the students: benchmarks, sampling and metrics of an evaluation recipe."""

    recipe: Text
    """Evaluation recipe; the first of its models says how students are sampled."""
    samples: int | None = Field(default=None, ge=1, le=10_000, strict=True)
    """Completions of each problem; none: the evaluation's number."""
    same_templates: bool = False
    """Allow problems that share a template with training rows: the trial then speaks of unseen instances only."""
    leaks_because: Text | None = None
    """Reason to measure on problems that the training rows have. The result repeats it; none: such a trial is refused."""


class TrialRecipe(Part):
    """A trial: arms that differ in what they state, everything else equal."""

    trial_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the trial; its students are models called NAME-ARM."""
    base: Text
    """Training recipe that all arms share."""
    arms: dict[Slug, dict[str, Any]] = Field(min_length=2)
    """Keys of the training recipe that differ, by arm; the first arm is what the others are compared with."""
    equal: Literal["loss_tokens", "steps", "epochs", "as_stated"] = "loss_tokens"
    """Length that all students have; `loss_tokens`: as many as the base recipe trains on the first arm."""
    seeds: int = Field(default=5, ge=1, le=1_000, strict=True)
    """Students of each arm; student s of every arm has the same order of rows where the rows allow it."""
    looks: tuple[Annotated[int, Field(ge=PILOT, strict=True)], ...] = ()
    """Numbers of seeds at which to look and maybe stop; the last is `seeds`. None: one look at the end."""
    evaluate: TrialEvaluation
    """Evaluation that compares the students."""
    ks: tuple[Annotated[int, Field(ge=1, strict=True)], ...] = (1, 4, 16)
    """k of pass@k; the first is what the trial decides on. Those above the number of samples are left out."""
    detect: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Smallest difference worth knowing; refused after the pilot where the seeds cannot show it."""
    alpha: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Chance of any false claim, over all arms and looks."""

    @model_validator(mode="after")
    def _looks_end_with_the_seeds(self) -> "TrialRecipe":
        looks = self.looks
        if looks and (list(looks) != sorted(set(looks)) or looks[-1] != self.seeds):
            raise ValueError(f"looks {list(looks)} must ascend and end with seeds, {self.seeds}")
        return self


class CuratedData(Part):
    """The data of an arm made by a recipe, before anything is trained."""

    recipe: Text
    """Recipe of the dataset."""
    set: dict[str, Any] = Field(default_factory=dict)
    """Keys of it with other values, for example `budget.method: uniform`; `name` tells the datasets of arms apart."""


@dataclass(frozen=True, slots=True)
class Curated:
    """An arm's dataset by its recipe: the file, overrides as `--set` takes them, the dataset's name."""

    recipe: Path
    sets: tuple[str, ...]
    dataset: str

    @property
    def command(self) -> str:
        """The command line that makes it."""
        return shlex.join(
            ["rollmill", "curate", str(self.recipe), *(word for item in self.sets for word in ("--set", item))]
        )


@dataclass(frozen=True, slots=True)
class LoadedTrial:
    """A trial whose files are read. `trainings`: the training recipe of each arm, with the base's seed and length.
    `curated`: the arms whose data a recipe makes.
    """

    recipe: TrialRecipe
    trainings: Mapping[str, LoadedTraining]
    evaluation: LoadedEvaluationRecipe
    curated: Mapping[str, Curated] = field(default_factory=dict)

    @property
    def arms(self) -> list[str]:
        """Names of the arms; the first is the one that others are compared with."""
        return list(self.trainings)

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which results are looked at."""
        return self.recipe.looks or (self.recipe.seeds,)

    @property
    def samples(self) -> int:
        """Completions of each problem."""
        return self.recipe.evaluate.samples or self.evaluation.recipe.samples

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of pass@k that the samples allow."""
        return tuple(k for k in self.recipe.ks if k <= self.samples)

    def trial_id(self, rows: Mapping[str, str]) -> str:
        """Hash of what is compared and how, with the digest of each arm's rows.

        Seeds and looks are no part of it: more of them are another look at the same trial.
        """
        parts = [[arm, training.canonical() | {"data": rows[arm]}] for arm, training in self.trainings.items()]
        # The resolved trainings stand for `arms` and `base`; `detect` and a reason decide nothing but whether to go on.
        left_out: Any = {**dict.fromkeys(("seeds", "looks", "detect", "arms", "base"), True), "evaluate": {"leaks_because"}}
        recipe = self.recipe.model_dump(mode="json", exclude=left_out)
        return digest128(["trial", parts, recipe, self.evaluation.canonical()])

    def with_versions(self, versions: Mapping[str, str]) -> "LoadedTrial":
        """The trial with these dataset versions as the data of some arms."""
        trainings = {
            arm: training
            if arm not in versions
            else resolve_training(
                _changed(training.recipe, {"data": {"versions": {versions[arm]: "all"}}}, f"arm {arm!r}"), training.base
            )
            for arm, training in self.trainings.items()
        }
        return replace(self, trainings=trainings)

    def student(self, arm: str, seed: int, tokens: int | None) -> LoadedTraining:
        """Training of one student: the arm's, with its own name and seed; `tokens`: trained tokens that all arms have."""
        training = self.trainings[arm]
        recipe = training.recipe
        base = {"name": f"{self.recipe.name}-{arm}", "seed": recipe.seed + seed}
        if tokens is not None:
            # Of the three lengths one may be above 0, so the arm's own are cleared.
            options = {**recipe.learner.options, **dict.fromkeys(LENGTHS, 0), "loss_tokens": tokens}
            base["learner"] = {"method": recipe.learner.method, "options": options}
        return resolve_training(_changed(recipe, base, "a student"), training.base)

    def evaluation_of(self, students: Mapping[str, str]) -> EvaluationRecipe:
        """The evaluation with one row for each student: name to reference of a model version."""
        recipe = self.evaluation.recipe
        sampling = recipe.models[0]
        models = tuple(
            sampling.model_copy(update={"name": name, "model": f"models/{reference}"})
            for name, reference in students.items()
        )
        # A benchmark's own number would win over the trial's.
        benchmarks = tuple(part.model_copy(update={"samples": None}) for part in recipe.benchmarks)
        metrics = tuple(part.model_copy(update={"ks": self.ks}) for part in recipe.metrics if part.metric == "pass@k")
        return recipe.model_copy(
            update={
                "name": self.recipe.name,
                "samples": self.samples,
                "models": models,
                "benchmarks": benchmarks,
                **({"metrics": metrics[:1]} if metrics else {}),
                "alert": None,
            }
        )


def load_trial(path: Path, *, sets: Sequence[str] = ()) -> LoadedTrial:
    """The trial of a file after `--set` overrides; SetupError in one line for any mistake in it or in what it names."""
    recipe = parse(path, TrialRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        return resolve_trial(recipe, path.parent)


def trial_of(arms: Sequence[str], base: Path, evaluation: Path, **more: Any) -> LoadedTrial:
    """The trial of dataset versions named on the command line, under a training and an evaluation recipe."""
    named = {_slug(reference): {"data": {"versions": {reference: "all"}}} for reference in arms}
    if len(named) < len(arms):
        raise SetupError(f"two of {', '.join(arms)} have one name.", next_command="name each version once")
    recipe = TrialRecipe(
        trial_schema=1,
        name=more.pop("name", None) or "-or-".join(named)[:40].strip("-._"),
        base=str(base.resolve()),
        arms=named,
        evaluate=TrialEvaluation(recipe=str(evaluation.resolve()), **more.pop("evaluate", {})),
        **more,
    )
    return resolve_trial(recipe, Path())


def _slug(reference: str) -> str:
    return reference.lower().replace("@", "-").strip("-._")[:40]


def resolve_trial(recipe: TrialRecipe, folder: Path) -> LoadedTrial:
    """The trial with its base and its evaluation read; files are looked for in `folder`."""
    base, evaluation = folder / recipe.base, folder / recipe.evaluate.recipe
    for path in (base, evaluation):
        if not path.is_file():
            raise SetupError(f"no file {path}.", next_command=f"ls {path.parent}")
    shared = parse(base, TrainingRecipe, {}, folder="recipes/training")
    curated = {arm: _curated(changes["curate"], folder, arm) for arm, changes in recipe.arms.items() if "curate" in changes}
    trainings = {
        arm: resolve_training(_changed(shared, _own(changes, curated.get(arm)), f"arm {arm!r}"), base.parent)
        for arm, changes in recipe.arms.items()
    }
    loaded = LoadedTrial(recipe, trainings, load_evaluation(evaluation), curated)
    _check_lengths(loaded)
    if not loaded.ks or loaded.ks[0] != recipe.ks[0]:
        raise SetupError(f"pass@{recipe.ks[0]} needs as many samples, and there are {loaded.samples}.")
    return loaded


def _curated(part: Any, folder: Path, arm: str) -> Curated:
    """An arm's data by recipe; the recipe is read, so that its mistakes are told before anything is trained."""
    try:
        given = CuratedData.model_validate(part)
    except ValidationError as error:
        raise SetupError(f"arm {arm!r}: {explain(error, CuratedData, Path('curate'), {})}") from None
    path = (folder / given.recipe).resolve()
    sets = json_sets(given.set)
    return Curated(path, sets, load_recipe(path, sets=sets).recipe.name)


def json_sets(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys with values as `--set` takes them."""
    return tuple(f"{key}={json.dumps(value)}" for key, value in values.items())


def _own(changes: Mapping[str, Any], curated: Curated | None) -> Mapping[str, Any]:
    """The changes of an arm as keys of a training recipe."""
    if curated is None:
        return changes
    rest = {key: value for key, value in changes.items() if key != "curate"}
    return rest | {"data": {**rest.get("data", {}), "versions": {curated.dataset: "all"}}}


def _changed(recipe: TrainingRecipe, changes: Mapping[str, Any], where: str) -> TrainingRecipe:
    """The recipe with other values of some keys; of a section the keys that are given."""
    data = recipe.model_dump(mode="json")
    for key, value in changes.items():
        section = isinstance(value, Mapping) and isinstance(data.get(key), dict)
        data[key] = {**data[key], **value} if section else value
    try:
        return TrainingRecipe.model_validate(data)
    except ValidationError as error:
        raise SetupError(f"{where}: {explain(error, TrainingRecipe, Path(where), {})}") from None


def _check_lengths(loaded: LoadedTrial) -> None:
    """The arms have one length where the trial says so, and a learner that can be given it."""
    equal = loaded.recipe.equal
    if equal == "as_stated":
        return
    lengths = {arm: training.learner.options.get(equal) for arm, training in loaded.trainings.items()}
    if equal == "loss_tokens":
        # Defaults are filled in, so a learner that knows the option has its key.
        lacking = [arm for arm, training in loaded.trainings.items() if "loss_tokens" not in training.learner.options]
        if lacking:
            learner = loaded.trainings[lacking[0]].learner.name
            raise SetupError(f"the learner {learner!r} takes no loss_tokens.", choices=("equal: steps", "equal: as_stated"))
    elif len(set(lengths.values())) > 1 or not all(lengths.values()):
        lengths_text = ", ".join(f"{arm} {value}" for arm, value in lengths.items())
        raise SetupError(
            f"equal: {equal}, and the arms have {lengths_text}.", next_command="equal: loss_tokens, or as_stated"
        )


def written(evaluation: EvaluationRecipe, path: Path) -> Path:
    """The evaluation as a file, so that its runs can be resumed and looked at as any other's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(
        evaluation.model_dump(mode="json", exclude_defaults=True) | {"evaluation_schema": 1}, sort_keys=True
    )
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
    return path
