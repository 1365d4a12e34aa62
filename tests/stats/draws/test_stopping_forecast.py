"""What more draws bring: against simulation from the very posterior, and edge cases in literal numbers."""

import math
import random

import numpy as np
import pytest
from scipy import stats

from rollmill.stats import BetaPrior
from rollmill.stats.draws.solution_diversity import FLAT_THETAS, THETAS, thetas_after
from rollmill.stats.draws.stopping_forecast import (
    DrawCounts,
    Prior,
    StoppingForecast,
    StoppingQuestion,
    rate_bounds,
    rate_ceiling,
    stopping_forecasts,
)

EVERY_NEW = np.eye(len(THETAS))[-1]


def alone(counts: DrawCounts, missing: int, most: int, prior: Prior) -> StoppingForecast:
    [forecast] = stopping_forecasts([StoppingQuestion(counts, missing, most, prior)])
    return forecast


def test_with_endless_diversity_the_chance_is_beta_binomial() -> None:
    seen, prior = DrawCounts(judged=8, correct=1, distinct=1), Prior(BetaPrior(0.5, 2.0), EVERY_NEW)
    ahead = alone(seen, 2, 20, prior)
    expected = 1.0 - stats.betabinom.cdf(1, 20, 1.5, 9.0)
    assert ahead.chance == pytest.approx(expected, rel=0.05)  # theta is 1000, not endless
    assert ahead.reach[:2].tolist() == [0.0, 0.0]  # two solutions need two draws


def test_reach_gain_and_cost_are_those_of_a_simulation() -> None:
    seen, prior = DrawCounts(judged=6, correct=3, distinct=2), Prior(BetaPrior(1.0, 1.0), FLAT_THETAS)
    ahead = alone(seen, 2, 12, prior)
    rng, weights = random.Random(0), thetas_after(2, 3, FLAT_THETAS)
    runs, met, gained, spent = 20_000, 0, 0, 0
    for _ in range(runs):
        rate, theta = rng.betavariate(4.0, 4.0), rng.choices(THETAS.tolist(), weights.tolist())[0]
        correct, news = 3, 0
        for _draw in range(12):
            if news == 2:
                break
            spent += 1
            if rng.random() < rate:
                news += rng.random() < theta / (theta + correct)
                correct += 1
        met, gained = met + (news == 2), gained + news
    assert ahead.chance == pytest.approx(met / runs, abs=0.015)
    assert ahead.gain[-1] == pytest.approx(gained / runs, abs=0.02)
    assert ahead.cost == pytest.approx(spent / runs, abs=0.1)


def test_problems_beside_each_other_change_no_digit() -> None:
    rng = random.Random(3)
    asked = []
    for _ in range(60):
        correct = rng.randrange(20)
        seen = DrawCounts(correct + rng.randrange(20), correct, rng.randint(min(1, correct), correct))
        prior = Prior(BetaPrior(rng.uniform(0.1, 4.0), rng.uniform(0.1, 4.0)), FLAT_THETAS)
        asked.append(StoppingQuestion(seen, rng.randint(1, 5), rng.choice([0, 1, 9, 30, 60]), prior))
    for one, together in zip(asked, stopping_forecasts(asked), strict=True):
        apart = alone(*one)
        assert len(together.reach) == one.most + 1
        assert np.array_equal(together.reach, apart.reach)
        assert np.array_equal(together.gain, apart.gain)


def test_a_problem_that_never_repeats_and_never_fails_needs_what_is_missing() -> None:
    ahead = alone(DrawCounts(400, 400, 400), 3, 10, Prior(BetaPrior(1.0, 1.0), EVERY_NEW))
    assert ahead.draws_for(0.3) == 3
    assert ahead.worth() == pytest.approx(0.7, abs=0.05)  # theta 1000: a new one with chance 1000 / 1400


def test_no_more_draws_bring_nothing() -> None:
    ahead = alone(DrawCounts(64, 0, 0), 1, 0, Prior())
    assert (ahead.chance, ahead.cost, ahead.worth(), ahead.draws_for(0.5)) == (0.0, 0.0, 0.0, 1)


def test_an_interval_narrows_with_what_was_judged() -> None:
    assert rate_ceiling(DrawCounts(8, 0), Prior()) == pytest.approx(stats.beta.ppf(0.95, 0.5, 8.5))
    low, high = rate_bounds(DrawCounts(8, 4), Prior())
    assert (low, high) == pytest.approx(stats.beta.ppf([0.025, 0.975], 4.5, 4.5).tolist())
    narrow = rate_bounds(DrawCounts(800, 400), Prior())
    assert narrow[1] - narrow[0] < (high - low) / 5
    assert math.isclose(rate_bounds(DrawCounts(), Prior())[0], stats.beta.ppf(0.025, 0.5, 0.5), rel_tol=1e-6)
