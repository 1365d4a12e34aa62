"""Set method `strata`: a quota of rows for each stratum."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from rollmill.pipelines.mix.table import ChosenUnits, MixUnits, units_by_value, units_in_random_order, units_that_fit


class Strata:
    """Equal or proportional numbers of rows for the values of one signal. Rows that a stratum lacks are taken from the
    others.

    `by`: signal whose values are the strata. `quotas`: rows of each stratum, `equal` or `proportional` to its size. `best`:
    signal whose largest values are taken first; none: at random.
    """

    name, version = "strata", "1"

    def __init__(
        self, by: str = "skill", quotas: Literal["equal", "proportional"] = "equal", best: str | None = None
    ) -> None:
        self.by, self.quotas, self.best = by, quotas, best

    def choose(self, table: MixUnits, size: int, seed: int) -> ChosenUnits:
        """Each stratum's first units, then the next ones of all strata in turn while rows are left."""
        order = (
            units_in_random_order(table, seed)
            if self.best is None
            else units_by_value(table, table.number(self.best, float("-inf")))
        )
        strata, members = table.label(self.by), defaultdict(list)
        for unit in order:
            members[strata[unit]].append(unit)
        rows = {name: int(table.rows[units].sum()) for name, units in members.items()}
        wanted = apportion(
            {name: 1.0 if self.quotas == "equal" else float(count) for name, count in rows.items()}, rows, size
        )
        first = {name: units_that_fit(units, table, wanted[name]) for name, units in sorted(members.items())}
        picks = [unit for units in first.values() for unit in units]
        left = size - int(table.rows[picks].sum())
        # Units of several rows may not fill a quota.
        taken = set(picks)
        rest = [[unit for unit in units if unit not in taken] for _, units in sorted(members.items())]
        picks += units_that_fit((unit for turn in zip_longest(*rest) for unit in turn if unit is not None), table, left)
        return ChosenUnits(picks, facts={"quotas": wanted})


def apportion(weights: Mapping[str, float], most: Mapping[str, int], size: int) -> dict[str, int]:
    """`size` rows in proportion to weights, no part above its most, by largest remainders; less if all are full."""
    given = dict.fromkeys(weights, 0)
    # A part of weight 0 never opens, so it gets nothing even where all others are full.
    open_parts: Sequence[str] = sorted(name for name in weights if weights[name] > 0 and most[name] > 0)
    left = min(size, sum(most[name] for name in open_parts))
    while left:
        total = sum(weights[name] for name in open_parts)
        exact = {name: left * weights[name] / total for name in open_parts}
        full = [name for name in open_parts if given[name] + exact[name] >= most[name]]
        if full:  # those take what they have, and the others share what is left
            for name in full:
                left -= most[name] - given[name]
                given[name] = most[name]
            open_parts = [name for name in open_parts if name not in full]
            continue
        # The tolerance keeps a share such as 2.9999999999 from losing a row.
        whole = {name: math.floor(value + 1e-9) for name, value in exact.items()}
        # The largest remainder first.
        by_rest = sorted(open_parts, key=lambda name: (whole[name] - exact[name], name))
        for name in by_rest[: left - sum(whole.values())]:
            whole[name] += 1
        return {name: given[name] + whole.get(name, 0) for name in given}
    return given
