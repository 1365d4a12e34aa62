"""Drawing until an imperfect verifier accepts: the card's numbers, and exact sums against simulation."""

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from rollmill.stats import (
    ErrorRates,
    accuracy_ceiling,
    best_draws,
    kept_precision,
    largest_k,
    resampling_value,
)
from rollmill.stats.clusters.resampling import expected_kept

# The two-type model of arXiv:2411.17501: easy and hard tasks, completeness 1, soundness .75.
KINDS = [(0.58, 0.87), (0.42, 0.13)]
WEAK = ErrorRates(0.25)


def equally(rates: Sequence[float]) -> list[tuple[float, float]]:
    return [(1.0 / len(rates), rate) for rate in rates]


def test_the_two_type_model_has_the_cards_numbers() -> None:
    assert accuracy_ceiling(KINDS, WEAK) == pytest.approx(0.716, abs=5e-4)
    assert [best_draws(KINDS, WEAK, wrong=cost)[0] for cost in (-0.7, -1.0, -2.0)] == [3, 2, 1]
    assert best_draws(KINDS, WEAK, wrong=-0.7)[1] == pytest.approx(0.525, abs=5e-4)  # the double count gives .554
    assert resampling_value(KINDS, WEAK, 5, wrong=-1.0)[5] == pytest.approx(0.4450, abs=5e-5)


def test_the_value_agrees_with_simulation() -> None:
    rng = np.random.default_rng(0)
    tasks, draws = 200_000, 5
    rate = np.where(rng.random(tasks) < 0.58, 0.87, 0.13)
    value, open_tasks = np.zeros(tasks), np.ones(tasks, dtype=bool)
    for _ in range(draws):
        right = rng.random(tasks) < rate
        accepted = open_tasks & (right | (rng.random(tasks) < 0.25))
        value[accepted] = np.where(right[accepted], 1.0, -1.0)
        open_tasks &= ~accepted
    assert value.mean() == pytest.approx(0.4450, abs=4 * value.std() / tasks**0.5)


def test_costs_decide_whether_to_draw_at_all() -> None:
    assert best_draws(KINDS, WEAK, wrong=-8.0)[0] == 0
    assert best_draws(KINDS, WEAK, wrong=0.0, most=50)[0] == 50
    assert best_draws(KINDS, WEAK, wrong=0.0, draw=0.2)[0] == 2
    assert best_draws([(1.0, 0.3)], ErrorRates(0.0), wrong=-100.0, most=400)[1] == pytest.approx(1.0)


def test_the_value_grows_to_the_ceiling_without_costs() -> None:
    assert resampling_value(KINDS, WEAK, 400, wrong=0.0)[-1] == pytest.approx(accuracy_ceiling(KINDS, WEAK))


def test_a_problem_that_nothing_is_accepted_on_counts_zero() -> None:
    assert accuracy_ceiling([(0.5, 0.0), (0.5, 1.0)], ErrorRates(0.0)) == 0.5
    assert kept_precision([(1.0, 0.0)], ErrorRates(0.0), target=4, cap=8) is None


def test_the_kept_set_of_the_contract() -> None:
    rates = stats.beta.ppf((np.arange(4000) + 0.5) / 4000, 0.6, 0.9)
    whole = kept_precision(equally(rates.tolist()), ErrorRates(0.01), target=4, cap=256)
    hard = kept_precision(equally(rates[rates < 0.05].tolist()), ErrorRates(0.01), target=4, cap=256)
    assert whole == pytest.approx(0.915, abs=0.004)
    assert hard == pytest.approx(0.566, abs=0.012)


def test_the_kept_set_agrees_with_simulation() -> None:
    rng = np.random.default_rng(1)
    rates = rng.beta(0.6, 0.9, 400)
    kept = right = 0
    for rate in rates:
        for _ in range(20):
            truth = rng.random(64) < rate
            accepted = np.where(truth, rng.random(64) >= 0.1, rng.random(64) < 0.05)
            first = np.flatnonzero(accepted)[:4]
            kept += len(first)
            right += int(truth[first].sum())
    exact = kept_precision(equally(rates.tolist()), ErrorRates(0.05, 0.1), target=4, cap=64)
    assert exact == pytest.approx(right / kept, abs=0.006)


@pytest.mark.parametrize(("chance", "target", "cap"), [(0.1, 4, 16), (0.9, 4, 5), (0.0, 4, 8), (1.0, 4, 8), (0.2, 9, 3)])
def test_expected_kept_is_the_binomial_sum(chance: float, target: int, cap: int) -> None:
    chances = stats.binom.pmf(np.arange(cap + 1), cap, chance)
    assert expected_kept(chance, target=target, cap=cap) == pytest.approx(np.minimum(np.arange(cap + 1), target) @ chances)


def test_pass_at_k_is_shown_up_to_a_tenth_over_the_bound() -> None:
    assert [largest_k(bound) for bound in (0.1, 0.02, 0.0125, 0.003, 0.5)] == [1, 5, 8, 33, 0]
    assert largest_k(0.0) is None
    assert 1.0 - (1.0 - 0.003) ** 33 < 0.1  # what false accepts alone show of a problem that nobody solves


def test_rates_outside_zero_and_one_are_refused() -> None:
    with pytest.raises(ValueError, match="rates lie in"):
        ErrorRates(1.5)
