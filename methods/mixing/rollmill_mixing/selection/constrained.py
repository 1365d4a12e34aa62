"""Set method `constrained`: the largest weighted sum of signals, with bounds on the means of signals.

A proxy helps only up to a point (Moskovitz et al. 2024, Confronting reward model overoptimization with constrained RLHF).
So the mean of a signal may be bounded where it stops helping, and the multiplier of the bound replaces an unknown weight. A
linear programme over shares of units gives units and multipliers. Its solution splits at most one unit more than there are
bounds. These units are taken whole or not at all, so a mean may miss its bound by that much.
"""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linprog

from rollmill.methods import ChosenUnits, Floats, MixUnits, SetupError, units_by_value, units_that_fit

DIGITS = 9  # of shares, which the solver rounds; units with equal shares go by id


class Constrained:
    """A candidate without a value of a signal must be excluded by a threshold.

    `weights`: weight of each signal in the sum. `least`: lower bound on the mean of each signal over the kept rows. `most`:
    upper bound on the mean of each signal over the kept rows.
    """

    name, version = "constrained", "1"

    def __init__(
        self,
        weights: Mapping[str, float],
        least: Mapping[str, float] | None = None,
        most: Mapping[str, float] | None = None,
    ) -> None:
        self.weights, self.least, self.most = dict(weights), dict(least or {}), dict(most or {})
        if not self.weights:
            raise SetupError("set method 'constrained' has no weights.", next_command="weights: {quality: 1.0}")

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """The units with the largest Lagrangian values. `facts`: multipliers and means by bound."""
        del seed
        values = sum((weight * table.number(name) for name, weight in self.weights.items()), np.zeros(len(table.ids)))
        bounds = [
            *((f"{name} >= {bound:g}", table.number(name) - bound) for name, bound in self.least.items()),
            *((f"{name} <= {bound:g}", bound - table.number(name)) for name, bound in self.most.items()),
        ]
        slacks = [slack for _, slack in bounds]
        shares, duals = self._solved(values, slacks, table, min(size, int(table.rows.sum())))
        # Split units of equal shares go by their value, then by id.
        order = sorted(units_by_value(table, values), key=lambda unit: -round(float(shares[unit]), DIGITS))
        picks = units_that_fit(order, table, size)
        facts = {
            "multipliers": {words: dual for dual, (words, _) in zip(duals, bounds, strict=True)},
            "means": {name: _mean(table, name, picks) for name in (*self.least, *self.most)},
        }
        return ChosenUnits(picks, (), facts)

    def _solved(self, values: Floats, slacks: list[Floats], table: MixUnits, size: int) -> tuple[Floats, list[float]]:
        """Share of each unit, and multiplier of each bound; SetupError if no set meets them all."""
        if not slacks or not size:
            return np.zeros(len(values)), [0.0] * len(slacks)
        # In a fixed order of the units, so that their order in the table decides nothing.
        order = sorted(range(len(values)), key=lambda unit: table.ids[unit])
        rows = table.rows[order].astype(np.float64)
        solved = linprog(
            -(values[order] * rows),
            A_ub=np.stack([-(slack[order] * rows) for slack in slacks]),
            b_ub=np.zeros(len(slacks)),
            A_eq=rows[None, :],
            b_eq=[float(size)],
            bounds=(0.0, 1.0),
            method="highs",
        )
        if solved.x is None:
            words = ", ".join(
                f"{name} {sign} {bound:g}"
                for sign, bounds in ((">=", self.least), ("<=", self.most))
                for name, bound in bounds.items()
            )
            raise SetupError(f"no {size:,} rows have means of {words}.", choices=("wider bounds", "fewer rows"))
        shares = np.zeros(len(values))
        shares[order] = solved.x
        return shares, [float(-dual) for dual in solved.ineqlin.marginals]


def _mean(table: MixUnits, name: str, picks: list[int]) -> float | None:
    rows = table.rows[picks]
    return float(np.average(table.number(name)[picks], weights=rows)) if len(picks) else None
