"""The recipe: everything that can change a row, as a checked value. Knows no registry, file or engine.

Unknown keys are refused and every field has its default here, so two recipes that mean the same have one canonical form.
Counts are plain integers, temperatures are in softmax units, shares lie in [0, 1].
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """A section of a recipe: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Method(Part):
    """One method of a registry (or `path/to/file.py:Class`, `package.module:Class`) with its options."""

    method: str
    options: dict[str, Any] = {}


class Problems(Part):
    """Where the problems come from: made by a synthesizer, or imported before under a name."""

    synthesize: str | None = None
    imported: str | None = None
    options: dict[str, Any] = {}
    count: int | None = Field(default=None, ge=1)
    near_duplicates: Share | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Problems":
        if (self.synthesize is None) == (self.imported is None):
            raise ValueError("give exactly one of synthesize, imported")
        if self.synthesize is not None and self.count is None:
            raise ValueError("synthesize needs a count")
        if self.imported is not None and self.options:
            raise ValueError("options belong to a synthesizer; imported problems take none")
        return self


class Generate(Part):
    """How completions are drawn; engine `imported` draws nothing and uses the rollouts imported before.

    `imports`: the names of the rollout imports to use; none named: every imported rollout of these problems.
    """

    engine: str = "embedded"
    model: str = "models/rollmill-tiny"
    temperature: float = Field(default=1.0, ge=0.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    batch_size: int = Field(default=256, ge=1)
    imports: tuple[str, ...] = ()
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _imports_are_imported(self) -> "Generate":
        if self.imports and self.engine != "imported":
            raise ValueError("imports belong to engine imported; the other engines draw")
        return self


class Gate(Part):
    """What a dataset must satisfy before it is published."""

    max_undecided: Share = 0.01
    min_kept: int = Field(default=1, ge=0)
    level_shares: dict[int, tuple[Share, Share]] = {}


class Evaluation(Part):
    """A set of held-out problems, regenerated from its seed to prove that none of them is inside the dataset."""

    synthesize: str = "templates"
    options: dict[str, Any] = {"split": "evaluation"}
    count: int = Field(default=400, ge=1)
    seed: int = Field(default=1, ge=0)


class Recipe(Part):
    """A whole recipe. `dataset` defaults to the recipe's name."""

    recipe_schema: Literal[1]
    name: Slug
    seed: int = Field(default=0, ge=0, lt=2**63)
    problems: Problems
    generate: Generate = Generate()
    verify: tuple[Method, ...] = Field(default=(Method(method="number"),), min_length=1)
    score: tuple[Method, ...] = ()
    budget: Method = Method(method="fixed")
    select: Method = Method(method="all_correct")
    gate: Gate = Gate()
    evaluation: tuple[Evaluation, ...] = ()
    dataset: Slug = ""

    @model_validator(mode="before")
    @classmethod
    def _dataset_named_like_recipe(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("dataset") and isinstance(data.get("name"), str):
            return {**data, "dataset": data["name"]}
        return data
