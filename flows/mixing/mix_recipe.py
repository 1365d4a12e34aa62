"""The recipe of a mixture: its sources with what each declares, its signals, thresholds and method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat, SerializerFunctionWrapHandler, model_serializer, model_validator

from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.parse import naming, parse
from rollmill.flows.recipe.schema import Method, Part, SchemaOne, Share, Slug, Text
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json, sha256_text

FOLDER = "recipes/mixtures"
UNIFORM = Method(method="uniform")


class Threshold(Part):
    """Condition on one signal. A row without a value for the signal does not meet it."""

    min: FiniteFloat | None = None
    """Smallest value."""
    max: FiniteFloat | None = None
    """Largest value."""
    among: tuple[Text | FiniteFloat, ...] = ()
    """Values that are kept; none: all."""
    not_among: tuple[Text | FiniteFloat, ...] = ()
    """Values that are dropped."""

    @model_validator(mode="after")
    def _some_condition(self) -> "Threshold":
        if self.min is None and self.max is None and not self.among and not self.not_among:
            raise ValueError("a threshold needs min, max, among or not_among")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


def as_label(value: str | float) -> str:
    """Text of a label that a recipe names: YAML reads an unquoted 3 as a number."""
    if isinstance(value, str):
        return value
    # `:g` would cut it to six digits, and 20240115 would be no label that a row has.
    return str(int(value)) if value.is_integer() else repr(value)


class MixSource(Part):
    """Rows of a mixture under one name: those that a version or a run kept."""

    version: Text | None = None
    """Dataset version, `NAME` or `NAME@v3`."""
    run: Text | None = None
    """Run by its id, also one whose gate failed."""
    imported: Text | None = None
    """Import of rollouts: the newest version whose run judged them."""
    count: int | None = Field(default=None, ge=1, strict=True)
    """Declared number of rows."""
    share: float | None = Field(default=None, gt=0.0, le=1.0)
    """Declared share of the mixture's rows; shares add up to 1."""
    rows: int | None = Field(default=None, ge=0, strict=True)
    """Number of rows that the source is said to have, before thresholds; refused where it has another."""
    where: dict[Text, Threshold] = Field(default_factory=dict)
    """Thresholds of this source, by signal."""
    choose: Method | None = None
    """Method for this source; none: the mixture's."""

    @model_validator(mode="after")
    def _one_place(self) -> "MixSource":
        if sum(place is not None for place in (self.version, self.run, self.imported)) != 1:
            raise ValueError("give exactly one of version, run, imported")
        if self.count is not None and self.share is not None:
            raise ValueError("give count or share, not both")
        return self


class TextSignals(Part):
    """Vectors and clusters of texts by TF-IDF, without a model."""

    of: Literal["prompt", "text", "both"] = "prompt"
    """Text of a row: the problem's prompt, the completion's text, or both."""
    clusters: int = Field(default=16, ge=2, le=10_000, strict=True)
    """Number of k-means clusters, the signal `cluster`."""
    dims: int = Field(default=128, ge=2, le=4_096, strict=True)
    """Length of the vectors, to which term weights are projected at random."""


class TargetRows(Part):
    """Rows of the task that rows are chosen for."""

    version: Text | None = None
    """Dataset version whose kept rows are the target; they are not chosen themselves."""
    file: Text | None = None
    """JSON lines of yours with `prompt` and `text`, instead of a version."""
    among: dict[Text, tuple[Text | FiniteFloat, ...]] = Field(default_factory=dict)
    """Values of level, template, skill or licence that rows of the version have."""
    rows: int = Field(default=32, ge=1, le=1_000, strict=True)
    """Largest number of rows, chosen at random."""

    @model_validator(mode="after")
    def _one_place(self) -> "TargetRows":
        if (self.version is None) == (self.file is None):
            raise ValueError("give exactly one of version, file")
        return self


class ModelSignals(Part):
    """Signals of a model about a target: loss, influence on it, and similarity of sparse activations to it."""

    target: TargetRows
    """Rows of the target task."""
    model: Text = "models/rollmill-tiny"
    """Model folder of the shipped model's shape, or a version of a model: `models/student@v1`."""
    layer: int = Field(default=1, ge=0, strict=True)
    """Layer whose residual stream the sparse autoencoder reads."""
    units: int = Field(default=512, ge=2, le=16_384, strict=True)
    """Number of the autoencoder's units."""
    steps: int = Field(default=400, ge=1, strict=True)
    """Steps of its training."""
    curvature: bool = False
    """Influence with the inverse of a Kronecker-factored Hessian; otherwise dot products of gradients."""
    rows: int | None = Field(default=None, ge=1, strict=True)
    """Number of rows that are read, at random; none: all that the sources kept."""


class MixSignals(Part):
    """Signals beside those that every row has."""

    text: TextSignals | None = None
    """Vectors and clusters of texts; none: no such signals."""
    near_copies: float | None = Field(default=None, ge=0.5, le=1.0)
    """Similarity from which texts of completions are copies, the signal `copies`; none: not looked for."""
    columns: tuple[Text, ...] = ()
    """Files of yours (CSV, JSON lines or Parquet) with `completion_id` or `problem_id` and a column for each signal."""
    model: ModelSignals | None = None
    """Signals of a model about a target set; none: no such signals."""

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The plain form; without signals of a model as it was before there were any, so that ids stay."""
        data: dict[str, Any] = handler(self)
        # A null key would be part of the id of every signal table, and all would be computed again.
        return {name: value for name, value in data.items() if name != "model" or value is not None}


class MixGate(Part):
    """Conditions on every source's rows before the mixture is published."""

    max_undecided: Share = 0.01
    """Largest share of undecided rollouts of a source."""
    min_kept: int = Field(default=1, ge=0, strict=True)
    """Smallest number of kept rows of a source."""


class MixtureRecipe(Part):
    """A mixture of dataset versions and runs, published as a version of its own."""

    mix_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the dataset that it makes a version of."""
    seed: int = Field(default=0, ge=0, lt=2**63, strict=True)
    """Seed of every random choice."""
    sources: dict[Slug, MixSource] = Field(min_length=1)
    """Sources by name, all with a count, all with a share, or none of them."""
    size: int | None = Field(default=None, ge=1, strict=True)
    """Rows in all; none: as many as the counts add up to, or as the shares allow."""
    signals: MixSignals = MixSignals()
    """Signals that are computed once and stored."""
    where: dict[Text, Threshold] = Field(default_factory=dict)
    """Thresholds of all sources, by signal."""
    choose: Method = UNIFORM
    """Method that chooses among the rows above the thresholds."""
    unit: Literal["row", "problem", "copies"] = "row"
    """Unit that is kept or dropped as a whole: rows, all rows of a problem, or all near copies of a text."""
    tolerance: Share = 0.0
    """Share by which a source's rows may differ from the declared number, for units of several rows."""
    gate: MixGate = MixGate()
    """Conditions before publication."""

    @model_validator(mode="after")
    def _declared(self) -> "MixtureRecipe":
        counts = {name: source.count for name, source in self.sources.items() if source.count is not None}
        shares = {name: source.share for name, source in self.sources.items() if source.share is not None}
        if len(counts) not in (0, len(self.sources)) or len(shares) not in (0, len(self.sources)):
            bare = [name for name in self.sources if name not in counts and name not in shares]
            raise ValueError(
                f"give all sources a count or all a share ({', '.join(bare or [*shares])} has none like others)"
            )
        if counts and self.size is not None and sum(counts.values()) != self.size:
            listed = " + ".join(f"{name} {count:,}" for name, count in counts.items())
            raise ValueError(f"size is {self.size:,}, and the sources declare {sum(counts.values()):,} ({listed})")
        # 1e-9, because ten shares of .1 add up to 0.9999999999999999.
        if shares and abs(sum(shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares add up to {sum(shares.values()):g}, and must add up to 1")
        if not counts and not shares and self.size is None:
            raise ValueError("without counts and shares the mixture needs a size")
        if self.unit == "copies" and self.signals.near_copies is None:
            raise ValueError("unit: copies needs signals: {near_copies: 0.9}")
        return self


@dataclass(frozen=True, slots=True)
class LoadedMixture:
    """A recipe of a mixture whose methods exist. `of_source`: the method of each source that has one of its own."""

    recipe: MixtureRecipe
    base: Path
    method: MethodSpec
    of_source: Mapping[str, MethodSpec]

    @property
    def declares_sources(self) -> bool:
        """True if every source declares a number or a share; otherwise the method divides the whole size."""
        # The recipe's check admits all or none, so the first source speaks for all.
        first = next(iter(self.recipe.sources.values()))
        return first.count is not None or first.share is not None

    def canonical(self) -> dict[str, Any]:
        """The recipe as plain JSON with every default written out."""
        data = {**self.recipe.model_dump(mode="json"), "choose": self.method.canonical()}
        for name, method in self.of_source.items():
            data["sources"][name]["choose"] = method.canonical()
        return data

    @property
    def recipe_hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256_text(canonical_json(self.canonical()))


def load_mixture(path: Path, *, sets: Sequence[str] = ()) -> LoadedMixture:
    """The mixture of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    recipe = parse(path, MixtureRecipe, {}, sets=sets, folder=FOLDER)
    with naming(path, FOLDER):
        method = _method(recipe.choose, path.parent)
        own = {name: _method(source.choose, path.parent) for name, source in recipe.sources.items() if source.choose}
        loaded = LoadedMixture(recipe, path.parent, method, own)
        # Without a number of rows there is nothing that a source's own method could fill.
        if own and not loaded.declares_sources:
            raise SetupError(
                f"source {next(iter(own))!r} has a method of its own and declares neither count nor share.",
                next_command="a count or a share for every source",
            )
        return loaded


def _method(part: Method, base: Path) -> MethodSpec:
    method = resolve("set method", part.method, part.options, base=base)
    # Built and thrown away: wrong values of options show before any source is read.
    method.build()
    return method
