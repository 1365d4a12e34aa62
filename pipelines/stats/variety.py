"""How many different solutions a problem's correct answers will show: the Ewens sampling model. Knows counts only.

After c correct answers the next correct one is a new solution with chance theta / (theta + c) (Blackwell & MacQueen 1973,
Ann. Stat. 1, the urn behind Ewens 1972, Theor. Popul. Biol. 3). A model that has one way of solving a problem has a theta
near 0, one that never says the same twice a large one. The number d of different ones among c correct is sufficient:

    likelihood(theta) = theta^d / (theta (theta + 1) ... (theta + c - 1))

whatever rule that looks at the draws alone ended them (the likelihood principle), so adaptive counts may be put in. The
prior is a mixture over a grid of thetas, fitted to the problems by EM: no shape is assumed, and nothing is random.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

THETAS: Array = np.geomspace(0.01, 1000.0, 16)
"""The grid: .01 (one solution, for practical purposes) to 1000 (every correct answer differs)."""

_ROUNDS = 30
_TOWARDS_FLAT = 4.0  # problems' worth: with 1, the chances said of problems given up were half of what came (measured)


def flat() -> Array:
    """The prior that knows nothing: equal weights."""
    return np.full(len(THETAS), 1.0 / len(THETAS))


def fit_variety(distinct: Sequence[int], correct: Sequence[int], weight: Sequence[float] | Array | None = None) -> Array:
    """Weights of THETAS of greatest likelihood for problems with these counts, drawn a little towards equal ones.

    Fewer than two correct answers say nothing of variety, so such problems are left out. `weight`: what each problem counts
    for, 1 by default; with weights the pull towards equal ones is a quarter of that without.
    """
    each = [1.0] * len(distinct) if weight is None else weight
    known = sorted((d, c, float(w)) for d, c, w in zip(distinct, correct, each, strict=True) if c >= 2)
    if not known:
        return flat()
    counted: dict[tuple[int, int], float] = {}
    for d, c, one in known:
        counted[d, c] = counted.get((d, c), 0.0) + one
    counts = np.array(list(counted.values()))
    pull = _TOWARDS_FLAT if weight is None else _TOWARDS_FLAT / 4
    likelihood = np.stack([_likelihood(int(d), int(c)) for d, c in counted])
    towards, whole = pull * flat(), counts.sum() + pull
    weights = flat()
    for _ in range(_ROUNDS):
        shares = likelihood * weights
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (counts @ shares + towards) / whole
    return np.asarray(weights, dtype=np.float64)


def variety_after(distinct: int, correct: int, prior: Array) -> Array:
    """The posterior weights of THETAS for one problem."""
    weights = _likelihood(distinct, correct) * prior
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def new_solutions(correct: Sequence[int], missing: int, most: int, weights: Array) -> Array:
    """A table (problems, most + 1, missing + 1): the chance of e new solutions among j further correct answers.

    e = missing stands for missing or more. Of each problem `correct` answers are there already, and a row of `weights` is
    that of THETAS. The problems side by side, as each by itself is small.
    """
    states = np.zeros((len(THETAS), len(correct), missing + 1))
    states[:, :, 0] = weights.T
    table = np.zeros((len(correct), most + 1, missing + 1))
    table[:, 0] = states.sum(axis=0)
    thetas = THETAS[:, None]
    urns = thetas + np.array(correct, dtype=np.int64)
    for j in range(most):
        moved = states[:, :, :-1] * (thetas / (urns + j))[:, :, None]
        states[:, :, :-1] -= moved
        states[:, :, 1:] += moved
        table[:, j + 1] = states.sum(axis=0)
    return table


@lru_cache(maxsize=4096)
def _likelihood(distinct: int, correct: int) -> Array:
    """Of each theta, the greatest being 1."""
    logs = distinct * np.log(THETAS) - np.log(THETAS[:, None] + np.arange(correct)).sum(axis=1)
    found = np.asarray(np.exp(logs - logs.max()), dtype=np.float64)
    found.flags.writeable = False
    return found
