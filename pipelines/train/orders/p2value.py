"""Order `p2value`: replay of programs by their probability and their pass rate.

After Chen et al. 2024 (Enhancing LLM Agents for Code Generation with Possibility and Pass-rate Prioritized Experience
Replay): the priority of a program is alpha * P + (1 - alpha) * pass rate, so that likely programs and those that pass some
tests come again, and those that pass none are not lost. The raw product of many token probabilities vanishes, which makes
all ranks equal; P is the geometric mean of the tokens' probabilities.
"""

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.orders.arrangements import numbers_of, random_of
from rollmill.pipelines.train.roles import Doubles, Ints, TrainingUnits


class P2Value:
    """Draws with replacement, in proportion to the priority. The export option `priority` of `unpaired` has both columns.

    `alpha`: weight of the probability, 0 to 1. `possibility`: column with the probability of a program, 0 to 1. `passed`:
    column with the share of tests that it passes, 0 to 1.
    """

    name, version = "p2value", "1"

    def __init__(self, alpha: float = 0.5, possibility: str = "possibility", passed: str = "passed") -> None:
        if not 0 <= alpha <= 1:
            raise SetupError(f"order 'p2value': alpha is {alpha}; it must be between 0 and 1.")
        self.alpha, self.possibility, self.passed = alpha, possibility, passed

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """Draws, as many as there are units."""
        priority = self.priorities(units)
        if priority.sum() == 0:
            raise SetupError(f"order 'p2value': every row has priority 0 with alpha {self.alpha:g}; raise alpha.")
        return random_of(seed, epoch).choice(units.count, size=units.count, p=priority / priority.sum())

    def priorities(self, units: TrainingUnits) -> Doubles:
        """The priority of each unit, 0 to 1."""
        return self.alpha * _shares(units, self.possibility) + (1 - self.alpha) * _shares(units, self.passed)


def _shares(units: TrainingUnits, name: str) -> Doubles:
    values = numbers_of(units, name)
    if values.min() < 0 or values.max() > 1:
        raise SetupError(f"column {name!r} runs from {values.min():g} to {values.max():g}, and must be shares.")
    return values
