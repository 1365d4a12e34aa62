"""How many different solutions a problem's correct answers will show, for forecasts: finitely many ways, or no end of them.

After n correct answers of which d differ, the next one is a new solution with chance

    (theta + alpha d) / (theta + n)                                 (Pitman 1995, Probab. Theory Relat. Fields 102)

alpha = 0 is the urn of Ewens, in which new ones never end (pipelines.stats.variety, by which budget `sequential` plans).
alpha = -kappa with theta = K kappa is K ways with chances from a symmetric Dirichlet(kappa): after K nothing is new. By the
first law alone a forecast expects third solutions of problems that have two. Which law holds is learned: the prior is a
mixture over a grid of both, fitted to the problems by EM. The likelihood of d different ones among n follows by recursion,
and stays what it is whatever rule that looks at the draws alone ended them.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_ENDLESS = [(0.0, float(theta)) for theta in np.geomspace(0.01, 1000.0, 16)]
_FINITE = [(-kappa, ways * kappa) for ways in (2, 3, 4, 6, 10, 16) for kappa in (0.3, 1.0, 5.0)]
LAWS: Array = np.array([*_ENDLESS, *_FINITE])
"""The grid: (alpha, theta) of each law."""

FLAT: Array = np.repeat([0.5 / len(_ENDLESS), 0.5 / len(_FINITE)], [len(_ENDLESS), len(_FINITE)])
"""The prior that knows nothing: both kinds alike."""

_ROUNDS = 30
_TOWARDS_FLAT = 1.0  # problems' worth


def fit_laws(distinct: Sequence[int], correct: Sequence[int], weight: Sequence[float] | Array) -> Array:
    """Weights of LAWS of greatest likelihood for problems with these counts, drawn a little towards FLAT.

    `weight`: what each problem counts for. Fewer than two correct answers say nothing, so such problems are left out.
    """
    counted: dict[tuple[int, int], float] = {}
    for d, c, one in sorted(zip(distinct, correct, map(float, weight), strict=True)):
        if c >= 2:
            counted[d, c] = counted.get((d, c), 0.0) + one
    if not counted:
        return FLAT
    counts = np.array(list(counted.values()))
    likelihood = np.stack([likelihoods(d, c) for d, c in counted])
    weights = FLAT
    for _ in range(_ROUNDS):
        shares = likelihood * weights
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (counts @ shares + _TOWARDS_FLAT * FLAT) / (counts.sum() + _TOWARDS_FLAT)
    return np.asarray(weights, dtype=np.float64)


def laws_after(distinct: int, correct: int, prior: Array) -> Array:
    """The posterior weights of LAWS for one problem."""
    weights = likelihoods(distinct, correct) * prior
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def likelihoods(distinct: int, correct: int) -> Array:
    """The chance of so many different ones among so many correct answers, under each law."""
    return np.asarray(_table(correct)[distinct], dtype=np.float64)


@lru_cache(maxsize=512)
def _table(correct: int) -> Array:
    """(correct + 1, laws): the chance of each number of different ones among so many correct answers."""
    if correct == 0:
        return np.ones((1, len(LAWS)))
    before = np.vstack([_table(correct - 1), np.zeros(len(LAWS))])
    new = chance_of_new(np.arange(correct)[:, None], correct - 1, LAWS[:, 0], LAWS[:, 1])
    after = before.copy()
    after[:-1] -= before[:-1] * new
    after[1:] += before[:-1] * new
    after.flags.writeable = False
    return after


def chance_of_new(distinct: npt.ArrayLike, drawn: int, alpha: npt.ArrayLike, theta: npt.ArrayLike) -> Array:
    """That the next correct answer is a new solution, after `drawn` of which `distinct` differ; never below 0."""
    alpha, theta = np.asarray(alpha, dtype=np.float64), np.asarray(theta, dtype=np.float64)
    return np.asarray(np.maximum(0.0, theta + alpha * np.asarray(distinct)) / (theta + drawn), dtype=np.float64)
