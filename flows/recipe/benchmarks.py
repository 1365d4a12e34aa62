"""Benchmark definitions: the single description of a benchmark, for every evaluation that names it.

A definition says where its problems come from (a published file by its columns, an import, a dataset version, a
synthesizer), who checks the answers, and how a model is asked. Those that ship are named by their name, a file of yours by
its path.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.parse import parse
from rollmill.flows.recipe.schema import (
    Accept,
    ExampleSection,
    ExamplesFrom,
    Method,
    Part,
    ProblemSource,
    SchemaOne,
    Slug,
    Text,
)
from rollmill.ground.errors import SetupError, unknown_name

if TYPE_CHECKING:
    from rollmill.storage.imports.reading.layouts import Layout

SHIPPED = CHECKOUT / "recipes" / "benchmarks"
ASKS = ("prompt_template", "prompt_form", "system_prompt", "examples", "examples_from", "stop")
"""The keys that say how a model is asked; a model of an evaluation that has its own is asked by those."""
EXAMPLES = {"examples", "examples_from"}


class TaskSection(ProblemSource):
    """Problems with their verifiers and prompt: the keys of a definition that an evaluation may change."""

    verify: tuple[Method, ...] = Field(default=(Method(method="number"),), min_length=1)
    """Verifiers, in their order."""
    accept: Accept | None = None
    """Policy that combines their verdicts; none: the first that decides."""
    prompt_template: str = "{prompt}"
    """Text of the prompt, with `{prompt}`, for models without one of their own."""
    prompt_form: Literal["chat", "completion"] = "chat"
    """Show examples as turns of a `chat`, or as one text to complete."""
    system_prompt: Text | None = None
    """System message before the prompt."""
    examples: tuple[ExampleSection, ...] = ()
    """Worked examples shown before each problem."""
    examples_from: ExamplesFrom | None = None
    """Problems to take worked examples from."""
    stop: tuple[Text, ...] = ()
    """Texts that end a completion."""

    def problems(self) -> dict[str, Any]:
        """Section `problems` of a recipe that uses this benchmark."""
        return {key: value for key in ProblemSource.model_fields if (value := getattr(self, key)) not in (None, {})}

    def asks(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The keys of `generate` that it gives; a model that has examples of its own is shown no others."""
        # A model with `examples_from` of its own must not get the benchmark's `examples` as well.
        left = set(ASKS) - set(without)
        if EXAMPLES & set(without):
            left -= EXAMPLES
        # Stated keys only, so that the defaults are those of `generate`.
        return self.model_dump(mode="json", include=self.model_fields_set & left, exclude_unset=True)


class ChoicesPart(Part):
    """The options of a problem: `texts` names one column with a list, or a column each; see
    rollmill.storage.imports.reading.layouts.
    """

    texts: tuple[Text, ...] = Field(min_length=1)
    """Column with the list of options, or one column for each."""
    correct: Text | None = None
    """Column with the right option's place or letter; none: the first text is right."""
    order_seed: int | None = None
    """Seed that orders the options; none: as published."""
    line: Text = "{letter}) {text}"
    """Text of one option, with `{letter}` and `{text}`."""

    @model_validator(mode="after")
    def _somebody_says_which(self) -> "ChoicesPart":
        if self.correct is None and len(self.texts) == 1:
            raise ValueError("correct names the column that says which option of the list is right")
        if self.correct is None and self.order_seed is None:
            raise ValueError("where the first text is always right, order_seed must put the options into another order")
        return self


class SplitsPart(Part):
    """Splits by ranges of a number in a column, both ends included."""

    column: Text
    """Column with the number."""
    ranges: dict[str, tuple[int, int]]
    """First and last number of each split."""


class Read(Part):
    """Columns of the published file, one for each field; see rollmill.storage.imports.reading.layouts.Layout."""

    prompt: Text
    """Text of the prompt, with `{column}` where cells go."""
    reference: Text | None = None
    """Column of the reference."""
    external_id: Text | None = None
    """Column of the problem's id."""
    level: Text | None = None
    """Column of the level."""
    skill: Text | None = None
    """Column of the skill."""
    answer_in: Literal["whole", "hash", "boxed"] = "whole"
    """Part of the reference that is the answer: the `whole`, behind `####` (`hash`), or `boxed`."""
    choices: ChoicesPart | None = None
    """Options of a multiple-choice problem."""
    tests: Text | dict[str, Text] | None = None
    """Column of the tests, or the columns that make one test."""
    splits: SplitsPart | None = None
    """Splits by ranges of a number."""
    kept: tuple[Text, ...] = ()
    """Columns kept in the problem's meta, for the verifier."""
    split: Text = "test"
    """Split of all rows."""
    sha256: tuple[Text, ...] = ()
    """Digests, of which the file must have one."""

    @model_validator(mode="after")
    def _checkable(self) -> "Read":
        if self.reference is None and self.choices is None and self.tests is None:
            raise ValueError("give one of reference, choices, tests: a checker needs something to compare with")
        return self

    def layout(self, name: str) -> "Layout":
        """Layout by which the import reads files."""
        from rollmill.storage.imports.reading.layouts import ChoiceColumns, Layout, Splits

        fields = {key: value for key in ("reference", "external_id", "level", "skill") if (value := getattr(self, key))}
        choices = None if self.choices is None else ChoiceColumns(**self.choices.model_dump())
        splits = None if self.splits is None else Splits(self.splits.column, self.splits.ranges)
        return Layout(name, self.prompt, fields, self.answer_in, choices, self.tests, splits, self.kept, self.sha256)


class Definition(TaskSection):
    """A benchmark in a file of its own. With `read` its problems are those that were imported by it, under its name
    unless `imported` says another.
    """

    benchmark_schema: SchemaOne
    """Version of this file format."""
    name: Slug
    """Name of the benchmark."""
    about: Text
    """Ability that it measures."""
    origin: Text
    """Place of its publication."""
    licence: Text
    """Licence of its problems."""
    kind: Literal["math", "choice", "code", "constraints", "text"] = "math"
    """Kind of its problems."""
    read: Read | None = None
    """Columns of the published file."""

    @model_validator(mode="after")
    def _one_source(self) -> "Definition":
        named = sum(source is not None for source in (self.synthesize, self.imported, self.version))
        if named > 1 or (named == 0 and self.read is None):
            raise ValueError("give one of synthesize, imported, version, read")
        return self

    def problems(self) -> dict[str, Any]:
        """Section `problems` of a recipe that uses this benchmark."""
        here = {"imported": self.name} if self.read is not None and self.imported is None else {}
        return {**super().problems(), **here}

    def constants(self) -> dict[str, str]:
        """Default values of the columns `licence`, `source`, `kind` and `split`, for the rows of a file that lacks these
        columns. Splits that the definition reads from a column have no default.
        """
        split = {} if self.read is None or self.read.splits is not None else {"split": self.read.split}
        return {"licence": self.licence, "source": self.name, "kind": self.kind, **split}


def shipped_definitions() -> dict[str, Path]:
    """The file of each definition that ships, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def definition_path(named: str, base: Path) -> Path:
    """The file of a definition: a path (relative to `base`, or to the current folder) or the name of one that ships."""
    if "/" in named or named.endswith((".yaml", ".yml")):
        places = [base / named, Path(named)]
        # Where there is neither, the error names the place beside the recipe.
        return next((place for place in places if place.is_file()), places[0])
    shipped = shipped_definitions()
    if named not in shipped:
        raise unknown_name("benchmark", named, shipped, next_command="rollmill benchmark list")
    return shipped[named]


def load_definition(named: str, base: Path) -> Definition:
    """The definition of this name or path; SetupError in one line for any mistake in it."""
    return parse(definition_path(named, base), Definition, {}, folder="recipes/benchmarks")


def definition_digest(named: str, base: Path) -> str:
    """SHA-256 of a definition's file."""
    return hashlib.sha256(definition_path(named, base).read_bytes()).hexdigest()


def merged_benchmark(definition: Definition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a benchmark in an evaluation: those of its definition, overridden by the evaluation's own.

    Another source of problems, and other examples, replace the definition's own.
    """
    # Origin, licence and columns describe the published file and are no keys of an evaluation.
    own = definition.model_dump(mode="json", include=set(TaskSection.model_fields), exclude_unset=True)
    own |= definition.problems()
    for group in (("synthesize", "imported", "version"), ("examples", "examples_from")):
        if any(given.get(key) is not None for key in group):
            own = {key: value for key, value in own.items() if key not in group}
    if given.get("synthesize") or given.get("version"):
        # The definition's split names a part of its own file, which other problems do not have.
        own.pop("split", None)
    return {"name": definition.name, **own, **given}


def layout_of(named: str, base: Path) -> "tuple[Layout, dict[str, str]]":
    """Layout of a definition's file for an import, and the constants of its rows; SetupError if it has no file."""
    definition = load_definition(named, base)
    if definition.read is None:
        raise SetupError(f"benchmark {definition.name} is of no file.", next_command=f"rollmill benchmark show {named}")
    return definition.read.layout(definition.name), definition.constants()
