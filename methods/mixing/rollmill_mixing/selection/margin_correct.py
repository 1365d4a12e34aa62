"""Set method `margin_correct`: problems for an expensive teacher that are informative and probably labelled right.

After Baykal et al. 2023 (Robust active distillation). The teacher, too, often errs on the most uncertain problems. The gain
of a label is the student's margin times the probability that the label is right. An adversary makes as many labels wrong as
are expected. Against its worst choice, the best sampling has probabilities proportional to 1 / gain over the k largest
gains, for the k with the largest (k - wrong) / sum of 1 / gain. There is no parameter to set. Closed form and gain are as
we remember the paper; the test solves the game.
"""

import numpy as np

from rollmill.methods import ChosenUnits, Floats, MixUnits, SetupError, digest128, units_by_value, units_that_fit

LEAST = 1e-6  # of a gain, whose inverse is a weight


class MarginCorrect:
    """`margin`: signal of the student's uncertainty, from 0 (certain) to 1. `correct`: signal of the probability that a
    label is right.
    """

    name, version = "margin_correct", "1"

    def __init__(self, margin: str, correct: str) -> None:
        self.margin, self.correct = margin, correct

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Units drawn without replacement by these probabilities, then the rest by their gain."""
        margin, correct = table.number(self.margin), table.number(self.correct)
        for name, values in ((self.margin, margin), (self.correct, correct)):
            if len(values) and not (values.min() >= 0 and values.max() <= 1):
                raise SetupError(
                    f"set method {self.name!r}: the signal {name!r} has values outside 0 to 1.",
                    next_command=f"a threshold on {name}",
                )
        gains = margin * correct
        weights = worst_case_weights(gains, float(np.sum(1 - correct)))
        # The largest log(u) / weight: a draw without replacement (Efraimidis & Spirakis 2006).
        noise = np.array([(int(digest128(["draw", seed, name]), 16) + 1) / (1 << 128) for name in table.ids])
        keys = np.full(len(gains), -np.inf)
        drawn = weights > 0
        keys[drawn] = np.log(noise[drawn]) / weights[drawn]
        order = sorted(units_by_value(table, gains), key=lambda unit: -keys[unit])
        facts = {"drawn_from": int(drawn.sum()), "expected_wrong": float(np.sum(1 - correct))}
        return ChosenUnits(units_that_fit(order, table, size), (), facts)


def worst_case_weights(gains: Floats, wrong: float) -> Floats:
    """Chances of sum 1 with the largest gain that is certain if so many labels are wrong, whichever; equal ones where the
    adversary can spoil every label.
    """
    if not len(gains):
        return np.zeros(0)
    order = np.argsort(-gains, kind="stable")
    inverse = np.cumsum(1 / np.maximum(gains[order], LEAST))
    sizes = np.arange(1, len(gains) + 1)
    values = (sizes - wrong) / inverse
    weights = np.zeros(len(gains))
    if values.max() <= 0:
        weights[:] = 1 / len(gains)
        return weights
    most = int(np.argmax(values)) + 1
    weights[order[:most]] = 1 / np.maximum(gains[order[:most]], LEAST) / inverse[most - 1]
    return weights
