"""Set method `rehearsal`: earlier rows that the new training makes wrong, by rates of bins that are estimated during it.

After Bai et al. 2024 (An efficient rehearsal scheme for catastrophic forgetting mitigation during multi-stage fine-tuning,
mix-cd). A row is damaged if it was right before the new training and is wrong after. It is unknown which rows are, so rows
are put into bins by earlier signals. A bin's rate is estimated from its rows that were rehearsed already: the training
shows their outcome, so the estimate costs nothing. Rows of a bin are taken in proportion to its rate.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from rollmill.methods import (
    ChosenUnits,
    Floats,
    MixUnits,
    SetupError,
    apportion,
    clopper_pearson,
    units_in_random_order,
    units_that_fit,
)

RIGHT = 0.5  # from which a signal of 0 to 1 says right


class Rehearsal:
    """`before`: signal of a row's outcome before the new training, from 0 (wrong) to 1 (right). `after`: signal of its
    outcome after the new training, from 0 to 1; a row without a value was not rehearsed yet.

    `bins`: names of the signals whose combinations are the bins. `parts`: number of equal parts into which a numeric signal
    is cut. `prior`: weight of the rate of all units in the rate of a bin, as a number of units.
    """

    name, version = "rehearsal", "1"

    def __init__(
        self, before: str, after: str, bins: Sequence[str] = ("level",), parts: int = 4, prior: float = 2.0
    ) -> None:
        self.before, self.after, self.bins, self.parts, self.prior = before, after, list(bins), parts, prior
        if not self.bins or parts < 1 or prior < 0:
            raise SetupError(
                f"set method 'rehearsal': bins are {self.bins}, parts {parts}, prior {prior:g}.",
                choices=("one or more signals", "parts from 1 on", "prior from 0 on"),
            )

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Random rows of each bin, in proportion to the bin's rate. `facts` gives for each bin the rows, the units with a
        known outcome, the damaged units, the rate with its interval, and the quota in rows.
        """
        before = table.number(self.before, missing=float("nan"))
        after = table.number(self.after, missing=float("nan"))
        # NaN compares as False, so a row without both outcomes is not damaged.
        known, damaged = ~np.isnan(before) & ~np.isnan(after), (before >= RIGHT) & (after < RIGHT)
        keys, members = self._keys(table), defaultdict(list)
        for unit in units_in_random_order(table, seed):
            members[keys[unit]].append(unit)
        units = dict(sorted(members.items()))
        rows = {name: int(table.rows[places].sum()) for name, places in units.items()}
        # Units and not rows: the rows of a unit share one outcome, and as trials they would make the interval too narrow.
        counts = {name: (int(known[places].sum()), int(damaged[places].sum())) for name, places in units.items()}
        rates = damage_rates(counts, self.prior)
        # The weight is the expected number of damaged rows in a bin.
        quotas = apportion({name: rates[name] * rows[name] for name in units}, rows, size)
        picks = [unit for name, places in units.items() for unit in units_that_fit(places, table, quotas[name])]
        taken = set(picks)
        # Quotas stay open where a unit of several rows did not fit.
        by_rate = sorted(units, key=lambda name: (-rates[name], name))
        rest = (unit for name in by_rate for unit in units[name] if unit not in taken)
        picks += units_that_fit(rest, table, size - int(table.rows[picks].sum()))
        facts = {name: _facts(rows[name], *counts[name], rates[name], quotas[name]) for name in units}
        return ChosenUnits(picks, (), {"bins": facts})

    def _keys(self, table: MixUnits) -> list[str]:
        """The bin of each unit in words."""
        columns = []
        for name in self.bins:
            values = table.numbers.get(name)
            columns.append(table.label(name) if values is None else cut(values, self.parts))
        pairs = [[f"{name}={value}" for value in column] for name, column in zip(self.bins, columns, strict=True)]
        return [" ".join(row) for row in zip(*pairs, strict=True)]


def cut(values: Floats, parts: int) -> list[str]:
    """Numbers as their values where these are few, else as equal parts by quantiles; "none" for a missing one."""
    different = np.unique(values[~np.isnan(values)])
    if len(different) <= parts:
        return ["none" if np.isnan(value) else f"{value:g}" for value in values]
    # The two ends are no edges: every value is between them.
    edges = np.quantile(values[~np.isnan(values)], np.linspace(0, 1, parts + 1)[1:-1])
    return ["none" if np.isnan(value) else f"q{int(np.searchsorted(edges, value, side='right')) + 1}" for value in values]


def damage_rates(counts: dict[str, tuple[int, int]], prior: float) -> dict[str, float]:
    """The rate of each bin out of units with an outcome and damaged ones; all equal before the first outcome."""
    known, damaged = (sum(pair[side] for pair in counts.values()) for side in (0, 1))
    # Any rate would do before the first outcome, if all bins have the same.
    overall = damaged / known if known else 1.0
    return {
        # With a prior of 0 an unseen bin has no rate of its own.
        name: (hit + prior * overall) / (seen + prior) if seen + prior > 0 else overall
        for name, (seen, hit) in counts.items()
    }


def _facts(rows: int, known: int, damaged: int, rate: float, quota: int) -> dict[str, Any]:
    interval = clopper_pearson(damaged, known)
    ends = [None, None] if interval is None else [interval.low, interval.high]
    return {"rows": rows, "known": known, "damaged": damaged, "interval": ends, "rate": rate, "quota": quota}
