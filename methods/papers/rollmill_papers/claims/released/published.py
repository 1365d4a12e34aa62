"""The table of published numbers, `published.yaml`: what papers report, where, and how it is measured here.

The table is data: a number that could not be looked up is not in it. Values are as printed, in percent.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from rollmill.methods import Part, SchemaOne, Slug, Text, parse

FILE = Path(__file__).with_name("published.yaml")
VALUES = ("pass_rates", "passes_at", "elected", "selected")
"""Values of published numbers, one for each problem: functions of `rollmill_papers.claims.released.released_outputs`."""
PREFIX = "released-"
"""Prefix of the names of imports of released outputs; the name of the output follows."""


class Output(Part):
    """Released outputs: the files that a folder must hold, and where they come from. `note`: what to know of them all."""

    title: Text
    files: tuple[Text, ...] = Field(min_length=1)
    origin: Text
    columns: Text
    note: str = ""

    @property
    def needed(self) -> str:
        """Message for missing outputs: the files needed, their origin, and the next command."""
        files = ", ".join(self.files)
        return f"needs outputs of {self.title}, from {self.origin}: {files}; then rollmill claims run --outputs FOLDER"


class Paper(Part):
    """A paper and its sentence for numbers that have none of their own."""

    source: Text
    says: Text


class Values(Part):
    """Function of `rollmill_papers.claims.released.released_outputs` with its options; it gives one value per problem."""

    of: Text
    options: dict[str, Any] = Field(default={})

    @model_validator(mode="after")
    def _known(self) -> "Values":
        if self.of not in VALUES:
            raise ValueError(f"of: {self.of} is none of {', '.join(VALUES)}")
        return self


class PublishedBeside(Part):
    """A further value of a number, under a label."""

    label: Text
    value: Values


class Number(Part):
    """A number that a paper prints, or (`sign`) its statement about the sign of a difference.

    `value`: how the number is computed, as a mean over problems; with `less` it is the paired difference of the two means.
    `unit`: size of one unit in the last printed digit. `own`: false if the outputs and the printed number come from
    different runs, so that neither can confirm the other. `note`: other explanations of a difference.
    """

    name: Slug
    paper: Text
    where: Text
    says: str = ""
    published: float | None = None
    unit: float = 0.1
    sign: Literal["+"] | None = None
    output: Text
    value: Values
    less: Values | None = None
    beside: tuple[PublishedBeside, ...] = ()
    own: bool = True
    note: str = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> "Number":
        if (self.published is None) == (self.sign is None):
            raise ValueError("either published, as the paper prints it, or sign")
        return self


class Published(Part):
    """The whole table."""

    published_schema: SchemaOne
    outputs: Mapping[str, Output]
    papers: Mapping[str, Paper]
    numbers: tuple[Number, ...]

    @model_validator(mode="after")
    def _named(self) -> "Published":
        for number in self.numbers:
            if number.paper not in self.papers or number.output not in self.outputs:
                raise ValueError(f"{number.name}: its paper or its output is not in this file")
        names = [number.name for number in self.numbers]
        if len(set(names)) < len(names):
            raise ValueError("two numbers have one name")
        return self


@cache
def published_table(path: Path = FILE) -> Published:
    """The table of a file; SetupError for a mistake in it."""
    return parse(path, Published, {}, folder=str(FILE.parent))


def pools_of(output: str) -> tuple[str, ...]:
    """The names of the imports that an output becomes."""
    return (f"{PREFIX}codet", f"{PREFIX}codet-tests") if output == "codet" else (PREFIX + output,)
