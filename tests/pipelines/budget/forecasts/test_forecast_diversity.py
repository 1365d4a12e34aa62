"""How many different solutions a forecast expects, where solutions follow laws that it does not have."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from rollmill.pipelines.budget.forecasts.levels import priors_of_diversity
from rollmill.stats.draws.solution_diversity import law_likelihoods

Ways = npt.NDArray[np.float64]
SEEN, ANSWERS, NEW, NEXT, MOST = 10, 6, 60, 8, 3


def two_and_rare(rng: np.random.Generator) -> Ways:
    first = rng.uniform(0.3, 0.6)
    second = (1 - first) * rng.uniform(0.5, 0.95)
    return np.concatenate([[first, second], np.full(10, (1 - first - second) / 10)])


def endless(rng: np.random.Generator) -> Ways:
    """Sticks of Pitman's law with a positive alpha: rare solutions go on for ever."""
    alpha, theta = rng.uniform(0.2, 0.7), rng.uniform(0.1, 2.0)
    sticks = rng.beta(1 - alpha, theta + alpha * np.arange(1, 201))
    left = sticks * np.concatenate([[1.0], np.cumprod(1 - sticks)[:-1]])
    return np.asarray(left / left.sum(), dtype=np.float64)


@pytest.mark.integration
@pytest.mark.parametrize("law", [two_and_rare, endless])
def test_intervals_of_different_solutions_hold_under_laws_that_are_not_ours(
    law: Callable[[np.random.Generator], Ways],
) -> None:
    """Going by the one mixture that fits best, intervals held .89 and .74 of these 80 runs."""
    held = [holds(law, seed) for seed in range(80)]
    assert np.mean(held) >= 0.93


def holds(law: Callable[[np.random.Generator], Ways], seed: int) -> bool:
    """Whether what 60 new problems show, three at most each, lies in the 95% interval from 10 others."""
    rng = np.random.default_rng(seed)
    ways = [law(rng) for _ in range(SEEN + NEW)]
    drawn = [rng.choice(len(one), ANSWERS if n < SEEN else NEXT, p=one).tolist() for n, one in enumerate(ways)]
    counts = [(1, ANSWERS, len(set(one))) for one in drawn[:SEEN]]
    came = sum(min(MOST, len(set(one))) for one in drawn[SEEN:])
    totals = [expected(prior, rng) for prior in priors_of_diversity(1, counts) for _ in range(20)]
    low, high = np.quantile(totals, [0.025, 0.975])
    return bool(low <= came <= high)


def expected(prior: Ways, rng: np.random.Generator) -> int:
    """Of one simulation under a mixture of laws."""
    chances = np.array([law_likelihoods(d, NEXT) @ prior for d in range(NEXT + 1)])
    return int(np.minimum(MOST, rng.choice(NEXT + 1, NEW, p=chances / chances.sum())).sum())


def test_the_same_evidence_gives_the_same_priors() -> None:
    first, second = (priors_of_diversity(1, [(1, 3, 2)]) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert len({tuple(one.tolist()) for one in first}) == len(first)
