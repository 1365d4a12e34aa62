"""Set method `temperature`: rows of each source in proportion to size^(1 / tau), for one tau or several in turn.

After Li et al. 2024 (Upsample or Upweight? Balanced training on heavily imbalanced datasets). tau = 1 is proportional, and
larger ones bring the sources closer to equal numbers. The same expected gradient comes from all rows, if a row of source j
weighs p_j N / n_j: p_j its share, n_j its rows, N all of them. If gradients are equally large in all sources, weights give
the larger variance. Several falling temperatures are the paper's Cooldown: equal parts of the size, each with its own.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.quotas.quota import apportion
from rollmill.pipelines.mix.table import ChosenUnits, MixUnits, units_in_random_order, units_that_fit


class Temperature:
    """Needs a mixture with `size`, whose sources have neither `count` nor `share`.

    `temperatures`: values of tau; the size is divided into equal parts, one for each. `by`: signal that names the sources.
    """

    name, version = "temperature", "1"

    def __init__(self, temperatures: Sequence[float] = (1.0,), by: str = "source") -> None:
        self.temperatures, self.by = [float(value) for value in temperatures], by
        if not self.temperatures or min(self.temperatures) <= 0:
            raise SetupError(
                f"set method 'temperature': temperatures are {self.temperatures}.", choices=("one or more numbers above 0",)
            )

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Random rows of each source, part by part; what a source cannot give, the others give.

        `facts`: rows of the sources; of each part tau, shares, rows, and the weights with the same expected gradient.
        """
        sources, members = table.label(self.by), defaultdict(list)
        for unit in units_in_random_order(table, seed):
            members[sources[unit]].append(unit)
        free = dict(sorted(members.items()))
        # Of all rows, so that the shares of a later part do not depend on what earlier parts took.
        counts = {name: int(table.rows[units].sum()) for name, units in free.items()}
        picks: list[int] = []
        parts: list[dict[str, Any]] = []
        for turn, tau in enumerate(self.temperatures):
            shares = shares_at(counts, tau)
            # The first parts take the rows that do not divide.
            part = size // len(self.temperatures) + (turn < size % len(self.temperatures))
            quotas = apportion(shares, {name: int(table.rows[units].sum()) for name, units in free.items()}, part)
            taken = {name: units_that_fit(units, table, quotas[name]) for name, units in free.items()}
            gone = {unit for units in taken.values() for unit in units}
            picks += [unit for units in taken.values() for unit in units]
            rows = {name: int(table.rows[units].sum()) for name, units in taken.items()}
            parts.append({"tau": tau, "shares": shares, "weights": equal_weights(counts, shares), "rows": rows})
            free = {name: [unit for unit in units if unit not in gone] for name, units in free.items()}
        # Quotas stay open where a source ran out or a unit of several rows did not fit.
        rest, left = {unit for units in free.values() for unit in units}, size - int(table.rows[picks].sum())
        picks += units_that_fit((unit for unit in units_in_random_order(table, seed) if unit in rest), table, left)
        return ChosenUnits(picks, (), {"sources": counts, "parts": parts})


def shares_at(counts: Mapping[str, int], tau: float) -> dict[str, float]:
    """The share of each source at a temperature, of sum 1."""
    # Divided by the largest count, since 1e6 ** (1 / .01) is beyond a float.
    most = max(counts.values(), default=1)
    raised = {name: (count / most) ** (1 / tau) for name, count in counts.items()}
    total = sum(raised.values())
    return {name: value / total for name, value in raised.items()}


def equal_weights(counts: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, float]:
    """The weight of each source's rows with which all rows have the expected gradient of these shares."""
    total = sum(counts.values())
    return {name: shares[name] * total / count for name, count in counts.items()}
