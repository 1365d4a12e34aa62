"""Shrunken rates: the fitted prior against scipy's likelihood and against a planted one."""

import numpy as np
import pytest
from scipy import stats

from pipelines.stats import BetaPrior, fit_prior, shrunken_rate


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


def test_fit_recovers_a_planted_prior_and_predicts_the_unsolved() -> None:
    rng = np.random.default_rng(3)
    rates = rng.beta(0.6, 0.9, size=4000)
    correct = rng.binomial(8, rates)
    prior = fit_prior(correct.tolist(), [8] * 4000)
    assert (prior.a, prior.b) == (pytest.approx(0.6, rel=0.1), pytest.approx(0.9, rel=0.1))
    assert shrunken_rate(0, 8, prior) == pytest.approx(rates[correct == 0].mean(), abs=0.01)


def test_too_little_data_keeps_jeffreys() -> None:
    assert fit_prior([], []) == fit_prior([3], [8]) == fit_prior([0, 3], [0, 8]) == BetaPrior(0.5, 0.5)


def test_problems_that_were_all_solved_do_not_claim_certainty() -> None:
    few, many = fit_prior([1, 1, 1], [1, 1, 1]), fit_prior([8] * 500, [8] * 500)
    assert 0.6 < shrunken_rate(1, 1, few) < 0.9
    assert 0.98 < shrunken_rate(8, 8, many) < 1.0
    none = fit_prior([0, 0, 0], [1, 1, 1])
    assert shrunken_rate(0, 1, none) == pytest.approx(1 - shrunken_rate(1, 1, few), abs=1e-3)
