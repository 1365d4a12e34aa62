"""Solution diversity: how many different solutions a problem's correct answers will show. For budgets and forecasts.

After n correct answers of which d differ, the next one is a new solution with chance

    (theta + alpha d) / (theta + n)                                 (Pitman 1995, Probab. Theory Relat. Fields 102)

alpha = 0 is the urn of Ewens (1972, Theor. Popul. Biol. 3), in which new solutions never end: a model that has one way of
solving a problem has a theta near 0, one that never says the same twice a large one. alpha = -kappa with theta = K kappa
is K solutions with chances from a symmetric Dirichlet(kappa): after K nothing is new. Budget `sequential` steers by Ewens
alone (THETAS); a forecast by that law alone would expect third solutions of problems that have two, so it learns which law
holds (LAWS).

A few answers of each problem do not identify the mixture of laws: a single way, and a common way with rare others, look
alike. So a forecast draws mixtures from their posterior (`draw_laws`) instead of going by one that fits best.

The number d of different ones among n correct is sufficient, whatever rule that looks at the draws alone ended them (the
likelihood principle), so adaptive counts may be put in. Both priors are mixtures over a grid, that of THETAS fitted to the
problems by EM, that of LAWS drawn: no shape is assumed.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

THETAS: Array = np.geomspace(0.01, 1000.0, 16)
"""Laws of Ewens: .01 (one solution, for practical purposes) to 1000 (every correct answer differs)."""

_ENDLESS = [(0.0, float(theta)) for theta in THETAS]
_FINITE = [(-kappa, size * kappa) for size in (2, 3, 4, 6, 10, 16) for kappa in (0.3, 1.0, 5.0)]
LAWS: Array = np.array([*_ENDLESS, *_FINITE])
"""(alpha, theta) of each law, those of Ewens first."""

FLAT_THETAS: Array = np.full(len(THETAS), 1.0 / len(THETAS))
FLAT_LAWS: Array = np.repeat([0.5 / len(_ENDLESS), 0.5 / len(_FINITE)], [len(_ENDLESS), len(_FINITE)])
"""The priors that know nothing: equal weights, of LAWS both kinds alike."""
# Shared by the whole process and never copied: a write by one caller would change the prior of all.
for _flat in (FLAT_THETAS, FLAT_LAWS):
    _flat.flags.writeable = False

_ROUNDS, _SWEEPS = 30, 10
_SPREAD = 0.25  # problems' worth of the Dirichlet prior of mixtures: few laws explain a family of problems
_PULL = 4.0  # problems' worth, towards the flat prior. With 1, the chances said of problems given up were half of what came


def fit_thetas(distinct: Sequence[int], correct: Sequence[int]) -> Array:
    """Weights of THETAS of greatest likelihood for problems with these counts, drawn a little towards equal ones (EM)."""
    # fewer than two correct answers say nothing
    # Sorted, so that the rounding of the sums does not depend on the order of the problems.
    counts = Counter(sorted((d, c) for d, c in zip(distinct, correct, strict=True) if c >= 2))
    if not counts:
        return FLAT_THETAS
    observed = np.array(list(counts.values()), dtype=np.float64)
    table = np.stack([_theta_likelihood(d, c) for d, c in counts])
    towards, whole = _PULL * FLAT_THETAS, observed.sum() + _PULL
    weights = FLAT_THETAS
    for _ in range(_ROUNDS):
        shares = table * weights
        shares /= shares.sum(axis=1, keepdims=True)
        weights = (observed @ shares + towards) / whole
    return np.asarray(weights, dtype=np.float64)


def draw_laws(distinct: Sequence[int], correct: Sequence[int], weight: Array, rng: np.random.Generator) -> Array:
    """Weights of LAWS, drawn from their posterior under a Dirichlet prior about FLAT_LAWS.

    `weight`: what each problem counts for.

    Gibbs sampling (Diebolt & Robert 1994, J. R. Stat. Soc. B 56): each problem's law given the weights, then these.
    """
    told = [place for place, count in enumerate(correct) if count >= 2]
    pairs, place = np.unique(
        np.array([(distinct[at], correct[at]) for at in told], np.int64).reshape(-1, 2), axis=0, return_inverse=True
    )
    table = np.array([law_likelihoods(d, c) for d, c in pairs.tolist()]).reshape(-1, len(LAWS))
    weights = FLAT_LAWS
    for _ in range(_SWEEPS):
        ends = (table * weights).cumsum(axis=1)[place.ravel()]
        laws = (rng.random((len(told), 1)) * ends[:, -1:] > ends).sum(axis=1).clip(max=len(LAWS) - 1)
        amounts = rng.standard_gamma(_SPREAD * FLAT_LAWS + np.bincount(laws, weight[told], len(LAWS)))
        weights = np.maximum(amounts, 1e-9 * amounts.sum())  # no law is impossible for what is seen later
        weights = weights / weights.sum()
    return np.asarray(weights, dtype=np.float64)


def thetas_after(distinct: int, correct: int, prior: Array) -> Array:
    """The posterior weights of THETAS for one problem."""
    weights = _theta_likelihood(distinct, correct) * prior
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def law_weights(distinct: int, correct: int, prior: Array) -> Array:
    """The posterior weights of LAWS for one problem."""
    weights = law_likelihoods(distinct, correct) * prior
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def law_likelihoods(distinct: int, correct: int) -> Array:
    """The chance of so many different ones among so many correct answers, under each law."""
    return np.asarray(_law_table(correct)[distinct], dtype=np.float64)


def chance_of_new(distinct: npt.ArrayLike, drawn: int, alpha: npt.ArrayLike, theta: npt.ArrayLike) -> Array:
    """Probability that the next correct answer is a new solution, after `drawn` of which `distinct` differ; never below
    0.
    """
    alpha, theta = np.asarray(alpha, dtype=np.float64), np.asarray(theta, dtype=np.float64)
    return np.asarray(np.maximum(0.0, theta + alpha * np.asarray(distinct)) / (theta + drawn), dtype=np.float64)


def new_solutions(correct: Sequence[int], missing: int, most: int, weights: Array) -> Array:
    """A table (problems, most + 1, missing + 1): the chance of e new solutions among j further correct answers.

    e = missing stands for missing or more. Of each problem `correct` answers are there already, and a row of `weights` is
    that of THETAS. Computed for all problems together, as each is small.
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
def _theta_likelihood(distinct: int, correct: int) -> Array:
    """theta^d / (theta (theta + 1) ... (theta + c - 1)) of each theta, the greatest being 1."""
    logs = distinct * np.log(THETAS) - np.log(THETAS[:, None] + np.arange(correct)).sum(axis=1)
    likelihood = np.asarray(np.exp(logs - logs.max()), dtype=np.float64)
    likelihood.flags.writeable = False
    return likelihood


@lru_cache(maxsize=512)
def _law_table(correct: int) -> Array:
    """(correct + 1, laws): the chance of each number of different ones among so many correct answers."""
    if correct == 0:
        return np.ones((1, len(LAWS)))
    before = np.vstack([_law_table(correct - 1), np.zeros(len(LAWS))])
    new = chance_of_new(np.arange(correct)[:, None], correct - 1, LAWS[:, 0], LAWS[:, 1])
    after = before.copy()
    after[:-1] -= before[:-1] * new
    after[1:] += before[:-1] * new
    after.flags.writeable = False
    return after
