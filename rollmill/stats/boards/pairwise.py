"""Rankings from pairwise comparisons: which pairs to compare, win rates, and strengths by Bradley and Terry (1952).

A judge prefers a place: the answer that it reads first, or the second one. So a plan shows every pair in both orders, and
the model has one effect of the order for all pairs, as of a home ground: the logit of the chance that the first is
preferred is s_first - s_second + order (Davidson & Beaver 1977).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, t_quantile
from rollmill.stats.clusters.means import population_mean

Array = npt.NDArray[np.float64]
WINS = "share of its comparisons that a model wins, ties half"
STRENGTH = "chance to win against the mean strength of the models, without the order's effect"
ORDER = "chance that the first of two equal models is preferred"
METHOD = "Bradley-Terry, the wider of the likelihood's error and that over clusters, on the logit scale"
_SPREAD = 3.0  # standard deviation of the prior of a strength: a model that wins all has a finite one
_STEPS = 50  # of Newton's method, at most
_CLOSE = 1e-9


class PairComparison(NamedTuple):
    """A comparison of two models. `won`: 1 if the first is preferred, 0 if the second is, .5 for a tie. `problem`: the
    problem on which they were compared, which is the cluster of the intervals; None makes the comparison a cluster of its
    own.
    """

    first: str
    second: str
    won: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PairRanking:
    """Ranking of models from pairwise comparisons. `models`: the strongest first. `win_rates`, `strengths`: one for each
    model.

    `order`: chance that the first of two equal models is preferred. `consistent`: of the pairs that were compared in both
    orders, the share with the same preference; None if there is no such pair.
    """

    models: tuple[str, ...]
    win_rates: tuple[Estimate, ...]
    strengths: tuple[Estimate, ...]
    order: Estimate
    consistent: Estimate | None


def comparison_plan(models: Sequence[str], count: int, seed: int = 0) -> list[tuple[str, str]]:
    """`count` ordered pairs of models. Each pair is followed by the same pair in the other order, and every model is in
    equally many pairs, up to one round.

    The rounds are those of a tournament (circle method), with the models in a random order. After all pairs, it starts
    again in another order. ValueError for fewer than two models.
    """
    if len(models) < 2:
        raise ValueError("a comparison is of two models")
    generator, plan = np.random.default_rng(seed), list[tuple[str, str]]()
    while len(plan) < count:
        for first, second in _tournament([models[place] for place in generator.permutation(len(models)).tolist()]):
            # By chance, as a plan that is cut at `count` may end with one order of a pair.
            pair = (first, second) if generator.random() < 0.5 else (second, first)
            plan += [pair, pair[::-1]]
    return plan[:count]


def _tournament(models: Sequence[str]) -> list[tuple[str, str]]:
    seats: list[str | None] = [*models, *([None] if len(models) % 2 else [])]
    pairs: list[tuple[str, str]] = []
    for _ in range(len(seats) - 1):
        for at in range(len(seats) // 2):
            first, second = seats[at], seats[-1 - at]
            if first is not None and second is not None:
                pairs.append((first, second))
        # The first seat stays and the others move on by one: every two models meet once.
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return pairs


def pair_ranking(comparisons: Sequence[PairComparison]) -> PairRanking:
    """Win rates and strengths of the models in these comparisons; every model must be linked to every other by some."""
    models = sorted({model for row in comparisons for model in row[:2]})
    strengths, order = _fitted(models, comparisons)
    ranked = sorted(range(len(models)), key=lambda at: (-strengths[at].value, models[at]))
    rates = [_win_rate(model, comparisons) for model in models]
    return PairRanking(
        tuple(models[at] for at in ranked),
        tuple(rates[at] for at in ranked),
        tuple(strengths[at] for at in ranked),
        order,
        _consistent(comparisons),
    )


def _win_rate(model: str, comparisons: Sequence[PairComparison]) -> Estimate:
    won = [(row.won if row.first == model else 1.0 - row.won, row.problem) for row in comparisons if model in row[:2]]
    estimate = population_mean([value for value, _ in won], [problem for _, problem in won], estimand=WINS)
    assert estimate is not None
    return estimate


def _consistent(comparisons: Sequence[PairComparison]) -> Estimate | None:
    """Share of the comparisons in both orders, of one pair on one problem, that prefer the same model."""
    forward: dict[tuple[str | None, str, str], list[float]] = {}
    for row in comparisons:
        forward.setdefault((row.problem, row.first, row.second), []).append(row.won)
    same, problems = [], []
    for (problem, first, second), won in forward.items():
        # Each pair once, whichever order was asked first.
        if first < second:
            for one, other in zip(won, forward.get((problem, second, first), []), strict=False):
                same.append(float(one + other == 1.0))
                problems.append(problem)
    return population_mean(same, problems, estimand="share of pairs with the same preference in both orders")


def _fitted(models: Sequence[str], comparisons: Sequence[PairComparison]) -> tuple[list[Estimate], Estimate]:
    """The strengths in the order of the models, and the order's effect."""
    k, places = len(models), {model: at for at, model in enumerate(models)}
    design = np.zeros((len(comparisons), k + 1))
    rows = np.arange(len(comparisons))
    design[rows, [places[row.first] for row in comparisons]] = 1.0
    design[rows, [places[row.second] for row in comparisons]] = -1.0
    design[:, k] = 1.0
    won = np.array([row.won for row in comparisons])
    centred = np.eye(k + 1)
    # Only differences of strengths are determined, so they are given against their mean.
    centred[:k, :k] -= 1.0 / k
    values, variances, clusters = _newton(design, won, centred, _cluster_places(comparisons))
    t = t_quantile(0.5 + CONFIDENCE / 2.0, max(1.0, clusters - k))
    counts = np.abs(design[:, :k]).sum(axis=0).astype(int).tolist()

    def estimate(value: float, variance: float, n: int, estimand: str) -> Estimate:
        half = t * float(np.sqrt(variance))
        low, middle, high = (float(1.0 / (1.0 + np.exp(-end))) for end in (value - half, value, value + half))
        return Estimate(middle, low, high, n, clusters, METHOD, estimand)

    order = estimate(values[k], variances[k], len(comparisons), ORDER)
    return [estimate(values[at], variances[at], counts[at], STRENGTH) for at in range(k)], order


def _newton(design: Array, won: Array, contrasts: Array, clusters: npt.NDArray[np.int64]) -> tuple[Array, Array, int]:
    """Penalised maximum likelihood of a logistic regression: the contrasts' values, their variances (the larger of the
    likelihood's and that over clusters), number of clusters.
    """
    prior = np.eye(design.shape[1]) / _SPREAD**2
    values = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        chances = 1.0 / (1.0 + np.exp(-design @ values))
        curvature = (design * (chances * (1.0 - chances))[:, None]).T @ design + prior
        step = np.linalg.solve(curvature, design.T @ (won - chances) - prior @ values)
        values = values + step
        if np.abs(step).max() < _CLOSE:
            break
    inverse = np.linalg.inv(curvature)
    groups = int(clusters.max()) + 1
    scores = np.zeros((groups, design.shape[1]))
    np.add.at(scores, clusters, design * (won - chances)[:, None])
    robust = inverse @ (scores.T @ scores) @ inverse * groups / max(1, groups - 1)
    variances = [np.diag(contrasts @ covariance @ contrasts.T) for covariance in (inverse, robust)]
    # The robust variance is too small for few clusters, the other where comparisons on one problem resemble one another.
    return contrasts @ values, np.maximum(*variances), groups


def _cluster_places(comparisons: Sequence[PairComparison]) -> npt.NDArray[np.int64]:
    """A number for each comparison, equal for those of one problem."""
    known: dict[object, int] = {}
    names = [("own", at) if row.problem is None else ("named", row.problem) for at, row in enumerate(comparisons)]
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)
