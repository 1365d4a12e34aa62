"""Shrunken rates: the fitted prior against scipy's likelihood and against a planted one."""

import numpy as np
import pytest
from scipy import stats

from rollmill.stats import BetaPrior, fit_prior, shrunken_rate


def test_shrunken_rate_is_the_posterior_mean() -> None:
    assert shrunken_rate(0, 8, BetaPrior(1.0, 3.0)) == 1 / 12
    assert shrunken_rate(0, 0, BetaPrior(1.0, 3.0)) == 0.25
    assert shrunken_rate(8, 8) == 8.5 / 9


def test_fit_is_the_likelihood_maximum() -> None:
    correct, judged = [0, 0, 1, 3, 8, 7, 2, 5, 12], [8, 8, 8, 8, 8, 8, 8, 8, 16]
    prior = fit_prior(correct, judged)

    def likelihood(a: float, b: float) -> float:
        return float(stats.betabinom.logpmf(correct, judged, a, b).sum())

    best = likelihood(prior.a, prior.b)
    for factor in (0.9, 0.98, 1.02, 1.1):
        assert best > likelihood(prior.a * factor, prior.b)
        assert best > likelihood(prior.a, prior.b * factor)


def by_loops(pairs: list[tuple[int, int]]) -> tuple[float, float]:
    """The same search, every cell of every grid by a plain sum over the draws."""
    centre, width = (0.0, 0.0), np.log(1000.0)
    for _ in range(6):
        grid = np.linspace(-width, width, 41)
        logs_a, logs_b = (np.clip(middle + grid, np.log(0.05), np.log(1000.0)) for middle in centre)
        a, b = np.exp(logs_a)[:, None], np.exp(logs_b)[None, :]
        total = np.zeros((41, 41))
        for i in range(max(n for _, n in pairs)):
            wins, losses = sum(c > i for c, _ in pairs), sum(n - c > i for c, n in pairs)
            total = total + wins * np.log(a + i) + losses * np.log(b + i) - sum(n > i for _, n in pairs) * np.log(a + b + i)
        row, column = np.unravel_index(int(np.argmax(total)), total.shape)
        centre, width = (logs_a[row], logs_b[column]), width / 6
    return float(np.exp(centre[0])), float(np.exp(centre[1]))


@pytest.mark.parametrize("most", [2, 8, 64, 300])
@pytest.mark.parametrize("rate", [0.02, 0.5, None])
def test_the_quick_search_finds_the_very_cells_of_the_plain_one(most: int, rate: float | None) -> None:
    rng = np.random.default_rng(most)
    for problems in (3, 40):
        judged = rng.integers(1, most, size=problems, endpoint=True)
        correct = rng.binomial(judged, rng.random(problems) if rate is None else rate)
        correct[:2] = 0, judged[1]  # neither all right nor all wrong
        prior = fit_prior(correct.tolist(), judged.tolist())
        assert (prior.a, prior.b) == by_loops(list(zip(correct.tolist(), judged.tolist(), strict=True)))


def test_fit_recovers_a_planted_prior_and_predicts_the_unsolved() -> None:
    rng = np.random.default_rng(3)
    rates = rng.beta(0.6, 0.9, size=4000)
    correct = rng.binomial(8, rates)
    prior = fit_prior(correct.tolist(), [8] * 4000)
    assert (prior.a, prior.b) == pytest.approx((0.6, 0.9), rel=0.1)
    assert shrunken_rate(0, 8, prior) == pytest.approx(rates[correct == 0].mean(), abs=0.01)


def test_too_little_data_keeps_jeffreys() -> None:
    assert fit_prior([], []) == fit_prior([3], [8]) == fit_prior([0, 3], [0, 8]) == BetaPrior(0.5, 0.5)


def test_problems_that_were_all_solved_do_not_claim_certainty() -> None:
    few, many = fit_prior([1, 1, 1], [1, 1, 1]), fit_prior([8] * 500, [8] * 500)
    assert 0.6 < shrunken_rate(1, 1, few) < 0.9
    assert 0.98 < shrunken_rate(8, 8, many) < 1.0
    none = fit_prior([0, 0, 0], [1, 1, 1])
    assert shrunken_rate(0, 1, none) == pytest.approx(1 - shrunken_rate(1, 1, few), abs=1e-3)
