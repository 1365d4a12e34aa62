"""Set method `multistage`: a classifier on cheap signals decides for which rows an expensive signal is read.

After Ouyang et al. 2022 (Efficient NLP model finetuning via multistage data filtering). There a threshold on the training
loss, set by the data, decides which examples are worth a backward pass, and a predictor of that decision saves the forward
pass too. Here the expensive signal is read for a random part of the rows, and a quantile of it is the threshold. A logistic
regression on cheap signals, trained on one half of that part, predicts which other rows reach the threshold; the signal is
read for these alone. The other half gives the classifier's error, beside that of always predicting the more frequent class.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.methods import (
    ChosenUnits,
    Floats,
    MixUnits,
    SetupError,
    clopper_pearson,
    trained_head,
    units_by_id,
    units_by_value,
    units_in_random_order,
    units_that_fit,
)

EVEN = 0.5  # chance from which a row is read
FEWEST = 4  # rows that are read first
MOST_LABELS = 50  # values of one signal


class Multistage:
    """`by`: name of the expensive signal, or of a column of your own labels that only the labelled rows have. `features`:
    names of the cheap signals.

    `vectors`: use the vectors of texts as features too. `first`: share of the rows with a value whose value is read at
    random, to train the classifier. `quantile`: threshold, as a quantile of the values that are read first. `least`: fixed
    threshold that replaces the quantile. `ascending`: keep small values instead of large ones. `penalty`: weight of the
    squared coefficients in the classifier's loss.
    """

    name, version = "multistage", "1"

    def __init__(  # noqa: PLR0913
        self,
        by: str,
        features: Sequence[str] = (),
        *,
        vectors: bool = False,
        first: float = 0.25,
        quantile: float = 0.5,
        least: float | None = None,
        ascending: bool = False,
        penalty: float = 1.0,
    ) -> None:
        self.by, self.features, self.vectors, self.first = by, list(features), vectors, first
        self.quantile, self.least, self.sign, self.penalty = quantile, least, -1.0 if ascending else 1.0, penalty
        if not self.features and not vectors:
            raise SetupError(
                "set method 'multistage' has no features.", choices=("features: [tokens_out]", "vectors: true")
            )
        for name, value in (("first", first), ("quantile", quantile)):
            if not 0 < value < 1:
                raise SetupError(f"set method 'multistage': {name} is {value:g}.", choices=("above 0 and below 1",))
        if penalty <= 0:
            raise SetupError(f"set method 'multistage': penalty is {penalty:g}.", choices=("numbers above 0",))

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Read units that reach the threshold, then those that are predicted to, then the rest by the classifier's
        probability.

        `facts`: threshold; rows of each stage; the classifier's error on held-out rows, with n and interval.
        """
        values = self.sign * table.number(self.by, missing=float("nan"))
        known = [unit for unit in units_in_random_order(table, seed) if not np.isnan(values[unit])]
        read = known[: max(FEWEST, round(self.first * len(known)))]
        fitted, held_out = read[::2], read[1::2]
        if not held_out:
            return ChosenUnits(
                units_that_fit([*read, *(unit for unit in units_by_id(table) if unit not in read)], table, size)
            )
        least = float(np.quantile(values[fitted], self.quantile)) if self.least is None else self.sign * self.least
        inputs = self._inputs(table)
        classifier = trained_head(inputs[fitted], (values[fitted] >= least).astype(np.float64), self.penalty)
        chances, before = classifier(inputs), set(read)
        likely = [unit for unit in units_by_value(table, chances) if unit not in before and chances[unit] >= EVEN]
        picks = units_that_fit([unit for unit in read if values[unit] >= least], table, size)
        counts = {"first": len(read), "read": 0, "not_read": 0}
        left = size - int(table.rows[picks].sum())
        for unit in likely:
            if not left:
                break
            counts["read"] += not np.isnan(values[unit])
            # Without a value of its own the classifier decides.
            if (np.isnan(values[unit]) or values[unit] >= least) and table.rows[unit] <= left:
                picks.append(unit)
                left -= int(table.rows[unit])
        counts["not_read"] = len(values) - counts["first"] - counts["read"]
        counts["passed"], taken = len(picks), set(picks)
        picks += units_that_fit((unit for unit in units_by_value(table, chances) if unit not in taken), table, left)
        facts = {"threshold": self.sign * least, "stages": counts, "held_out": _errors(chances, values >= least, held_out)}
        return ChosenUnits(picks, (), facts)

    def _inputs(self, table: MixUnits) -> Floats:
        """Features in columns: numbers, with the mean for missing ones and a column that says so, and a column by label."""
        columns: list[Floats] = []
        order = units_by_id(table)
        for name in self.features:
            if name in table.numbers:
                values = table.numbers[name]
                absent = np.isnan(values)
                mean = float(np.mean(values[order][~absent[order]])) if not absent.all() else 0.0
                columns += [np.where(absent, mean, values), *([absent.astype(np.float64)] if absent.any() else [])]
                continue
            labels = table.label(name)
            different = sorted(set(labels))
            if len(different) > MOST_LABELS:
                raise SetupError(
                    f"set method 'multistage': {name!r} has {len(different):,} values, and {MOST_LABELS} are the most.",
                    choices=("signals with fewer values", "numbers"),
                )
            columns += [np.array([label == value for label in labels], dtype=np.float64) for value in different]
        given = [table.need_vectors()] if self.vectors else []
        return np.hstack([np.array(columns).reshape(-1, len(table.ids)).T, *given])


def _errors(chances: Floats, wanted: npt.NDArray[np.bool_], held_out: Sequence[int]) -> dict[str, Any]:
    """The classifier's error on held-out units with n and interval, and that of the more frequent answer."""
    wrong = int(sum((chances[unit] >= EVEN) != wanted[unit] for unit in held_out))
    hits = int(wanted[list(held_out)].sum())
    error = clopper_pearson(wrong, len(held_out), estimand="error of the classifier")
    ends = [] if error is None else [error.low, error.high]
    n = len(held_out)
    return {"n": n, "wrong": wrong, "error": wrong / n, "interval": ends, "error_of_frequent": min(hits, n - hits) / n}
