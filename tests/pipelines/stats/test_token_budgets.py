"""What tokens and attempts buy: against every order of every small case, identities, and the coverage of ratios."""

import math
from itertools import permutations, product

import numpy as np
import pytest

from pipelines.stats import pass_at_k
from pipelines.stats.token_budgets import (
    cluster_ratio,
    cluster_share,
    normalised_regret,
    pass_at_tokens,
    progress,
    solved_by,
)


def test_pass_at_tokens_equals_every_order_of_every_small_case() -> None:
    for n in range(1, 5):
        for tokens in product((1, 3, 4), repeat=n):
            for correct in product((False, True), repeat=n):
                budgets = range(1, sum(tokens) + 2)
                found = pass_at_tokens(tokens, correct, budgets)
                for budget, share in zip(budgets, found, strict=True):
                    orders = list(permutations(range(n)))
                    wins = sum(
                        any(correct[i] and sum(tokens[j] for j in order[: at + 1]) <= budget for at, i in enumerate(order))
                        for order in orders
                    )
                    wanted = wins / len(orders) if budget <= sum(tokens) else math.nan
                    assert share == pytest.approx(wanted, nan_ok=True)


def test_of_equal_completions_it_is_pass_at_k() -> None:
    assert pass_at_tokens([5] * 6, [True, False] * 3, [4, 5, 14, 15, 30]) == pytest.approx(
        [0.0, 0.5, pass_at_k(6, 3, 2), pass_at_k(6, 3, 3), 1.0]
    )
    many = pass_at_tokens([5] * 40, [True] * 4 + [False] * 36, [50], seed=1)[0]
    assert many == pytest.approx(float(pass_at_k(40, 4, 10) or 0), abs=0.06)
    assert many == pass_at_tokens([5] * 40, [True] * 4 + [False] * 36, [50], seed=1)[0]


def test_beyond_the_stored_tokens_it_is_undefined() -> None:
    assert np.isnan(pass_at_tokens([2, 3], [True, True], [6])).all()
    assert np.isnan(pass_at_tokens([], [], [1])).all()
    with pytest.raises(ValueError, match="at least 1"):
        pass_at_tokens([0], [True], [1])


def test_regret_is_exact_for_straight_lines() -> None:
    assert normalised_regret([0, 100], [0.0, 1.0], 100) == pytest.approx(0.5)
    assert normalised_regret([10], [0.8], 50) == pytest.approx(0.2)  # one value, held before and after
    assert normalised_regret([0, 50], [0.0, 1.0], 100) == pytest.approx(0.25)  # held flat after the trace ends
    assert normalised_regret([0, 100], [0.0, 1.0], 50) == pytest.approx(0.75)
    assert normalised_regret([0, 10, 20], [1.0, 1.0, 1.0], 20) == 0.0
    for bad in (([0, 0], [0, 1], 1), ([0], [1], 0), ([0, 1], [1], 1)):
        with pytest.raises(ValueError, match="ascending"):
            normalised_regret(*bad)


def test_an_episode_without_progress_adds_regret_and_no_progress() -> None:
    assert progress([0.1, 0.4, 0.4, 0.9]) == pytest.approx([0.3, 0.0, 0.5])
    assert sum(progress([0.1, 0.4, 0.4, 0.9])) == pytest.approx(0.8)
    direct, idle = (
        normalised_regret([0, 10, 20], [0.1, 0.4, 0.9], 40),
        normalised_regret([0, 10, 20, 30], [0.1, 0.4, 0.4, 0.9], 40),
    )
    assert idle > direct


def test_attempts_after_success_are_not_needed_and_missing_ones_are_not_wrong() -> None:
    table = solved_by([1, 3, 0, 0], [1, 3, 4, 2], 4)
    np.testing.assert_array_equal(table[:2], [[1, 1, 1, 1], [0, 0, 1, 1]])
    np.testing.assert_array_equal(table[2:], [[0, 0, 0, 0], [0, 0, math.nan, math.nan]])


def test_the_compositional_gap_by_hand() -> None:
    """Both parts right with chances .5, 1 and 0; the whole question right with .5, .25 and 1."""
    parts = [0.5, 1.0, 0.0]
    gap = cluster_share([0.5 * 0.5, 1.0 * 0.75, 0.0], parts, estimand="gap")
    assert gap is not None
    assert gap.value == pytest.approx(1.0 / 1.5)
    assert gap.low < gap.value < gap.high
    assert (gap.n, gap.clusters) == (3, 2)  # who never has all parts right says nothing
    assert cluster_share([0.0], [0.0], estimand="gap") is None
    every = cluster_share([0.0, 0.0], [1.0, 1.0], estimand="gap")
    assert every is not None
    assert (every.value, every.low) == (0.0, 0.0)
    assert every.high > 0.5


def test_a_ratio_without_spread_or_with_one_cluster_has_no_interval() -> None:
    for above, names in (([30.0, 30.0], None), ([30.0, 60.0], ["a", "a"])):
        found = cluster_ratio(above, [1.0, 1.0], names, estimand="tokens")
        assert found is not None
        assert (found.low, found.high) == (0.0, math.inf)
    assert cluster_ratio([10.0], [0.0], estimand="tokens") is None


def test_tokens_per_correct_answer_is_covered_over_templates() -> None:
    rng, held, naive = np.random.default_rng(1), 0, 0
    centres = rng.beta(2, 2, size=200_000)
    truth = np.mean(100 * (1 + centres)) / np.mean(centres)
    for _ in range(400):
        rate = np.repeat(rng.beta(2, 2, size=30), 4)
        correct, tokens = rng.binomial(8, rate) / 8, rng.normal(100 * (1 + rate), 10)
        mine = cluster_ratio(tokens, correct, np.repeat(np.arange(30), 4).tolist(), estimand="e")
        alone = cluster_ratio(tokens, correct, estimand="e")
        held += mine.low <= truth <= mine.high
        naive += alone.low <= truth <= alone.high
    assert 0.92 <= held / 400 <= 0.985
    assert naive / 400 < 0.85
