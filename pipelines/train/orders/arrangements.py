"""Orders that are fixed before the training: shuffled, as exported, sorted by a column, drawn by priority."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.pipelines.train.roles import Doubles, Ints, TrainingUnits


def random_of(seed: int, epoch: int) -> np.random.Generator:
    """Random numbers of an epoch, the same ones for one seed."""
    return np.random.default_rng(int(digest128(["order", seed, epoch])[:16], 16))


class Shuffled:
    """A new permutation in each epoch."""

    name, version = "shuffled", "1"

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """A seeded permutation."""
        return random_of(seed, epoch).permutation(units.count)


class Exported:
    """The order of the file, in every epoch."""

    name, version = "exported", "1"

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """0, 1, 2, ..."""
        del seed, epoch
        return np.arange(units.count)


class Sorted:
    """A curriculum: rows sorted by a numeric column, such as `level` or `pass_rate`; equal values in a seeded random order.

    `by`: name of the column. `descending`: sort from large values to small ones. `tiers`: number of equal parts into which
    the sorted rows are cut, each shuffled within itself; 0 sorts strictly.
    """

    name, version = "sorted", "1"

    def __init__(self, by: str = "level", *, descending: bool = False, tiers: int = 0) -> None:
        if tiers < 0:
            raise SetupError(f"tiers is {tiers}; it must be 0 or more.")
        self.by, self.descending, self.tiers = by, descending, tiers

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """The units in ascending or descending order of the column."""
        values = numbers_of(units, self.by)
        random = random_of(seed, epoch)
        ties = random.permutation(units.count)
        arranged = ties[np.argsort((-values if self.descending else values)[ties], kind="stable")]
        if not self.tiers:
            return arranged
        return np.concatenate([random.permutation(part) for part in np.array_split(arranged, self.tiers)])


class Replay:
    """Draws with replacement, by priority: `alpha` times 1 minus the column `by` plus 1 - `alpha` times an equal share.

    With `by: pass_rate` problems that are rarely solved are seen more often (prioritised replay; Schaul et al. 2016).

    `by`: name of a column with values from 0 to 1. `alpha`: weight of the priority, against that of the equal share.
    """

    name, version = "replay", "1"

    def __init__(self, by: str = "pass_rate", alpha: float = 0.5) -> None:
        if not 0 <= alpha <= 1:
            raise SetupError(f"alpha is {alpha}; it must be between 0 and 1.")
        self.by, self.alpha = by, alpha

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """As many draws as there are units."""
        values = numbers_of(units, self.by)
        if values.min() < 0 or values.max() > 1:
            raise SetupError(f"column {self.by!r} runs from {values.min():g} to {values.max():g}, and must be shares.")
        priority = self.alpha * (1 - values) + (1 - self.alpha)
        if priority.sum() == 0:
            raise SetupError(f"every row has priority 0: alpha is 1 and {self.by} is 1 everywhere.")
        return random_of(seed, epoch).choice(units.count, size=units.count, p=priority / priority.sum())


def numbers_of(units: TrainingUnits, name: str) -> Doubles:
    """A column as numbers; SetupError for an absent column, or one with other values."""
    numeric = [column for column, values in units.columns.items() if _are_numbers(values)]
    if name not in numeric:
        raise unknown_name("numeric column of the rows", name, numeric)
    return np.asarray(units.columns[name], dtype=np.float64)


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
