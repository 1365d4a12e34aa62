"""What tokens and attempts buy: against every order of every small case, and identities."""

import math
from itertools import combinations, permutations, product
from random import Random

import numpy as np
import pytest

from rollmill.stats import pass_at_k
from rollmill.stats.draws.token_budgets import Draft, pass_at_tokens, regret_of_tokens, repair_tree_at, solved_by


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


def test_attempts_after_success_are_not_needed_and_missing_ones_are_not_wrong() -> None:
    table = solved_by([1, 3, 0, 0], [1, 3, 4, 2], 4)
    np.testing.assert_array_equal(table[:2], [[1, 1, 1, 1], [0, 0, 1, 1]])
    np.testing.assert_array_equal(table[2:], [[0, 0, 0, 0], [0, 0, math.nan, math.nan]])


def test_the_regret_of_drawing_again_is_the_area_above_pass_at_tokens() -> None:
    tokens, correct = [3, 5, 2, 7], [False, True, False, True]
    for budget in (1, 4, 9, 17):
        above = [1.0 - float(share) for share in pass_at_tokens(tokens, correct, range(budget))]
        assert regret_of_tokens(tokens, correct, [budget])[0] == pytest.approx(sum(above) / budget)
    assert regret_of_tokens([4] * 3, [False] * 3, [12])[0] == 1.0
    assert regret_of_tokens([4] * 3, [True] * 3, [12])[0] == pytest.approx(1 / 3)
    assert np.isnan(regret_of_tokens([4], [True], [5])).all()


def every_tree(drafts: list[Draft], first: int, repairs: int) -> tuple[float, float]:
    """The pass rate and mean tokens of every choice of drafts and, of each wrong one, of repairs, each draft as likely."""
    passed, spent, trees = 0.0, 0.0, list(combinations(drafts, first))
    for chosen in trees:
        branches = [[()] if draft.right else list(combinations(draft.repairs, repairs)) for draft in chosen]
        ways = list(product(*branches))
        for way in ways:
            done = any(draft.right for draft in chosen) or any(right for branch in way for _, right in branch)
            cost = sum(draft.tokens for draft in chosen) + sum(tokens for branch in way for tokens, _ in branch)
            passed, spent = passed + done / len(ways), spent + cost / len(ways)
    return passed / len(trees), spent / len(trees)


def test_repair_trees_equal_every_choice_of_drafts_and_repairs() -> None:
    for seed in range(60):
        rng = Random(seed)
        drafts = [
            Draft(rng.randint(1, 9), rng.random() < 0.3, [(rng.randint(1, 9), rng.random() < 0.3) for _ in range(3)])
            for _ in range(rng.randint(1, 4))
        ]
        for first, repairs in product(range(1, len(drafts) + 1), range(4)):
            assert repair_tree_at(drafts, first, repairs) == pytest.approx(every_tree(drafts, first, repairs))


def test_a_tree_without_repairs_is_pass_at_k_and_what_was_not_drawn_is_undefined() -> None:
    drafts = [Draft(5, n < 2) for n in range(6)]
    assert repair_tree_at(drafts, 3, 0) == pytest.approx((pass_at_k(6, 2, 3), 15.0))
    assert repair_tree_at(drafts, 7, 0) is None
    assert repair_tree_at(drafts, 1, 1) is None
    with pytest.raises(ValueError, match="1 draft or more"):
        repair_tree_at(drafts, 0, 0)
