"""Guarantee `batch`: at least so many of the rows that nobody judged are right, with an error of at most the level.

After Lee, Tchetgen Tchetgen & Dobriban 2024 (Batch predictive inference). With ties broken at random, every order of the n
judged and m open rows has the same chance. Let r_1 <= ... <= r_m be the numbers of judged rows below the open ones, in
their order: the kth open row is at least as good as the r_k-th judged one. The rank quantile of place k is the largest q
with P(r_k < q) <= level. The kth open row is right if its quantile exceeds the number of wrong judged rows, so m - k + 1
rows are, for the smallest such k. The data may choose that k: with w wrong open rows the claim is false only if the
quantile of place w exceeds the number of wrong judged rows, which has a chance of at most the level.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import hypergeom

from rollmill.pipelines.guarantees.judged_sample import Guaranteed, JudgedSample
from rollmill.pipelines.option_checks import checked_level


@dataclass(frozen=True, slots=True)
class BatchBound:
    """Drops no row; the claim is about all of them."""

    name = "batch"
    version = "1"
    scored = False
    level: float = 0.1
    """Largest chance that the claim is false."""

    def __post_init__(self) -> None:
        checked_level("guarantee", self.name, "level", self.level)

    def certify(self, sample: JudgedSample) -> Guaranteed:
        """All rows, with the bound on the number of right ones."""
        rows, judged = len(sample.rows), len(sample.right)
        right = least_right(judged, int(np.sum(~sample.right)), rows, self.level)
        share = right / rows if rows else 0.0
        claim = (
            f"At least {right:,} of the {rows:,} rows that nobody judged are right ({share:.1%}), with a chance of at "
            f"least {1 - self.level:.1%} over judged samples."
        )
        return Guaranteed(np.ones(rows, dtype=np.bool_), claim, (), {"least_right": right, "least_share": share})


def chance_below(judged: int, rows: int, place: int, rank: int) -> float:
    """P(r < rank) in a random order, where r is the number of judged rows below the open row at this place, from 1.

    That is so if at least `place` of the first `place + rank - 1` rows are open: a hypergeometric probability.
    """
    return float(hypergeom.sf(place - 1, judged + rows, rows, place + rank - 1)) if rank > 0 else 0.0


def least_right(judged: int, wrong: int, rows: int, level: float) -> int:
    """Number of right open rows that is claimed, if `wrong` of the `judged` rows are wrong. 0 claims nothing."""
    # The smallest place whose rank quantile exceeds `wrong`; the chance falls as the place rises.
    low, high = 1, rows + 1
    while low < high and wrong < judged:
        middle = (low + high) // 2
        if chance_below(judged, rows, middle, wrong + 1) <= level:
            high = middle
        else:
            low = middle + 1
    return rows - low + 1 if wrong < judged else 0
