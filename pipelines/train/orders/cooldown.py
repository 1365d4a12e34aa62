"""Order `cooldown`: rare sources drawn more often than their rows, and less so from epoch to epoch.

After Li et al. 2024 (Upsample or Upweight? Balanced training on heavily imbalanced datasets). The share of a source is its
size to the power of 1 / tau; tau falls while training, before the rows of small sources are learnt by heart.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.mix.quotas.temperature import shares_at
from rollmill.pipelines.train.orders.arrangements import random_of
from rollmill.pipelines.train.roles import Ints, TrainingUnits


class Cooldown:
    """Draws with replacement.

    `temperatures`: tau of each epoch, the last one for all later epochs; 1 draws every row alike. `by`: the column that
    names the sources, for example `template` or `skill`.
    """

    name, version = "cooldown", "1"

    def __init__(self, temperatures: Sequence[float] = (5.0, 1.0), by: str = "source") -> None:
        self.temperatures, self.by = [float(value) for value in temperatures], by
        if not self.temperatures or min(self.temperatures) <= 0:
            raise SetupError(
                f"order 'cooldown': temperatures are {self.temperatures}.", choices=("one or more numbers above 0",)
            )

    def arrange(self, units: TrainingUnits, seed: int, epoch: int) -> Ints:
        """Draws, as many as there are units."""
        if self.by not in units.columns:
            raise unknown_name("column of the rows", self.by, list(units.columns))
        sources = [str(value) for value in units.columns[self.by]]
        counts = dict(sorted(Counter(sources).items()))
        shares = shares_at(counts, self.temperatures[min(epoch, len(self.temperatures) - 1)])
        chances = np.array([shares[source] / counts[source] for source in sources])
        return random_of(seed, epoch).choice(units.count, size=units.count, p=chances / chances.sum())
