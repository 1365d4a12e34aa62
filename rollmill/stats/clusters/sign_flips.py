"""The sign-flip test of a mean over clusters, and the interval of all means that it does not reject.

If the mean is d, the deviation s - d n of a cluster (s its sum, n its size) could as well have had the other sign (Fisher
1935; Good 2005, section 3.2). Flipping the clusters of a set F leaves a sum at least as far from 0 exactly where d lies
between the mean over F and the mean over all others. So one list of such pairs of means gives p for every d, and two of
them are the ends of the interval (Hartigan 1969, J. Am. Stat. Assoc. 64: typical values): the two cannot disagree.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.means import TIE

Array = npt.NDArray[np.float64]

DRAWS = 9999
_EXACT = 14  # clusters whose 2^13 ways to part them in two are all gone through
_BLOCK = 1 << 22  # signs that are drawn at once


@dataclass(frozen=True, slots=True, eq=False)
class SignFlips:
    """The smaller and the larger mean of the two parts of each way to part the clusters, both ascending.

    `ways` counts the one that flips nothing too, which is as far from 0 as what was seen whatever d is.
    """

    mean: float
    smaller: Array
    larger: Array

    @property
    def ways(self) -> int:
        """The number of patterns of signs, a pattern and its opposite being one."""
        return len(self.smaller) + 1

    def p(self, value: float = 0.0) -> float:
        """Two-sided p of this mean: (b + 1) / (patterns + 1) of patterns at random, never 0 (Phipson & Smyth 2010)."""
        if value >= self.mean:
            as_far = len(self.larger) - int(np.searchsorted(self.larger, value - TIE, side="left"))
        else:
            as_far = int(np.searchsorted(self.smaller, value + TIE, side="right"))
        return (as_far + 1) / self.ways

    def bounds(self, confidence: float) -> tuple[float, float]:
        """The smallest and the largest mean whose p is above 1 - confidence; infinite if every mean's is."""
        beyond = math.floor((1.0 - confidence) * self.ways + 1e-9)
        if beyond < 1:
            return -math.inf, math.inf
        low, high = float(self.smaller[beyond - 1]), float(self.larger[-beyond])
        # What `p` takes for a tie with 0 is 0 here too.
        return 0.0 if abs(low) <= TIE else low, 0.0 if abs(high) <= TIE else high


def sign_flips(sums: Sequence[tuple[float, float]], *, draws: int = DRAWS, seed: int = 0) -> SignFlips:
    """The test of (sum, size) of at least two clusters: every pattern of the signs of up to 14, else so many at random.

    Patterns at random are the same ones for A - B as for B - A, so that both say the same.
    """
    opposite = [(-total, size) for total, size in sums]
    if sorted(opposite) < sorted(sums):
        mirrored = sign_flips(opposite, draws=draws, seed=seed)
        return SignFlips(-mirrored.mean, -mirrored.larger[::-1], -mirrored.smaller[::-1])
    totals, sizes = np.array(sums, dtype=np.float64).T
    inside, number = _parted(totals, sizes, draws, seed) if len(sums) > _EXACT else _every_way(totals, sizes)
    outside = (totals.sum() - inside, sizes.sum() - number)
    # A pattern that flips nothing, or everything, is as far from 0 as what was seen.
    empty = (number <= 0.0) | (outside[1] <= 0.0)
    one, other = (np.divide(top, size, out=np.zeros_like(top), where=~empty) for top, size in ((inside, number), outside))
    smaller = np.where(empty, -np.inf, np.minimum(one, other))
    larger = np.where(empty, np.inf, np.maximum(one, other))
    return SignFlips(float(totals.sum() / sizes.sum()), np.sort(smaller), np.sort(larger))


def _every_way(totals: Array, sizes: Array) -> tuple[Array, Array]:
    """The sums and sizes of one part in every way to part the clusters in two."""
    part_sums = _parts(len(totals)) @ np.stack([totals, sizes], axis=1)
    return part_sums[:, 0], part_sums[:, 1]


@lru_cache(maxsize=_EXACT)
def _parts(clusters: int) -> Array:
    """Each split into two sides, with 1 for clusters on the last one's side; a split with an empty side is left out."""
    return np.array([(*part, 1) for part in product((0, 1), repeat=clusters - 1)][:-1], dtype=np.float64)


def _parted(totals: Array, sizes: Array, draws: int, seed: int) -> tuple[Array, Array]:
    """The sums and sizes of one part in so many ways at random."""
    rng = np.random.default_rng(seed)
    # m clusters alike are m signs of which only the number matters: one binomial draw instead of m.
    table = np.stack([totals, sizes], axis=1)
    _, first, counts = np.unique(np.round(table, 12), axis=0, return_index=True, return_counts=True)
    single, many = table[first[counts == 1]], table[first[counts > 1]]
    flipped: Array = np.zeros((draws, 2))
    flipped += rng.binomial(counts[counts > 1], 0.5, size=(draws, len(many))) @ many
    rows = max(1, _BLOCK // max(1, len(single)))
    for start in range(0, draws if len(single) else 0, rows):
        size = min(rows, draws - start)
        bits = np.frombuffer(rng.bytes(size * math.ceil(len(single) / 8)), dtype=np.uint8).reshape(size, -1)
        flipped[start : start + size] += np.unpackbits(bits, axis=1, count=len(single)) @ single
    return flipped[:, 0], flipped[:, 1]
