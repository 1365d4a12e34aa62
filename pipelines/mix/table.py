"""Candidates of a mixture as columns, and the result of a set method.

A unit is kept or dropped as a whole: one row, or all near copies of it. Columns are the signal table's: numbers (NaN: no
value), labels (None: no label), and vectors of texts. A method is a pure function of them and a seed. It may not depend on
the order of the units, so ties are broken by id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.pool import Floats, Ints


@dataclass(frozen=True, slots=True)
class MixUnits:
    """Units to choose among. `sizes`: number of rows of each unit. `vectors`: one vector of length 1 (or all 0) for each
    unit. `similarities`: similarity to each row of a target set, (units, target rows), NaN without a value.
    """

    ids: Sequence[str]
    numbers: Mapping[str, Floats] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    vectors: Floats | None = None
    sizes: Ints | None = None
    similarities: Floats | None = None

    @property
    def rows(self) -> Ints:
        """Rows of each unit."""
        return np.ones(len(self.ids), dtype=np.int64) if self.sizes is None else self.sizes

    def number(self, name: str, missing: float | None = None) -> Floats:
        """A column of numbers; SetupError for an unknown one, and for missing values unless `missing` replaces them."""
        if name not in self.numbers:
            raise unknown_name("signal with numbers", name, sorted(self.numbers))
        values, absent = self.numbers[name], np.isnan(self.numbers[name])
        if not absent.any():
            return values
        if missing is None:
            raise SetupError(
                f"the signal {name!r} has no value for {int(absent.sum()):,} of {len(values):,} candidates.",
                next_command=f"a threshold on {name}, which drops rows without it",
            )
        return np.where(absent, missing, values)

    def label(self, name: str) -> list[str]:
        """A column of labels, "none" where a unit has none; numbers are labels by their value."""
        if name in self.labels:
            return [label if label is not None else "none" for label in self.labels[name]]
        if name in self.numbers:
            return ["none" if np.isnan(value) else f"{value:g}" for value in self.numbers[name]]
        raise unknown_name("signal", name, sorted({*self.labels, *self.numbers}))

    def need_vectors(self) -> Floats:
        """The vectors; SetupError for a signal table without them."""
        if self.vectors is None:
            raise SetupError("the method needs vectors of texts.", next_command="signals: {text: {of: prompt}}")
        return self.vectors

    def need_similarities(self) -> Floats:
        """The similarities; SetupError for a signal table without them."""
        if self.similarities is None:
            raise SetupError(
                "the method needs similarities to a target set.",
                next_command="signals: {model: {target: {version: NAME}}}",
            )
        return self.similarities


@dataclass(frozen=True, slots=True)
class ChosenUnits:
    """Units that a method keeps. `picks`: their indices, in the order in which they were chosen. `gains`: gain of each pick
    per row, for greedy methods. `facts`: numbers for the manifest, as JSON values.
    """

    picks: Sequence[int]
    gains: Sequence[float] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class SetMethod(Protocol):
    """A choice among all candidates of a source, or of a mixture."""

    name: str
    version: str

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Units with at most `size` rows in all; as many as fit."""


def units_by_id(table: MixUnits) -> list[int]:
    """The units in the order of their ids, so that sums have the same last digit whatever the order of the table."""
    return sorted(range(len(table.ids)), key=lambda unit: table.ids[unit])


def units_in_random_order(table: MixUnits, seed: int) -> list[int]:
    """The units in a seeded random order that does not depend on theirs."""
    # A hash for each id instead of a shuffle: other units do not change the order of two.
    return sorted(range(len(table.ids)), key=lambda unit: digest128(["unit", seed, table.ids[unit]]))


def units_by_value(table: MixUnits, values: Floats) -> list[int]:
    """The units from the largest value to the smallest, ties by id."""
    return sorted(range(len(table.ids)), key=lambda unit: (-values[unit], table.ids[unit]))


def units_that_fit(order: Iterable[int], table: MixUnits, size: int) -> list[int]:
    """The first units of an order that fit into `size` rows; one that is too large is skipped."""
    rows, left, picks = table.rows, size, []
    for unit in order:
        if rows[unit] <= left:
            picks.append(unit)
            left -= int(rows[unit])
        if not left:
            break
    return picks
