"""Looks whose errors together are alpha: against simulated t tests, and Holm over arms."""

import numpy as np
import pytest

from rollmill.stats import alpha_spent, false_alarm, holm, look_levels, sequential_holm
from rollmill.stats.trials.looks import Shape

LOOKS = [3, 5, 8]


def p_values(seeds: list[int], repeats: int, seed: int) -> np.ndarray:
    """(repeats, looks): p of t tests of normal values, the first so many of each row."""
    from scipy.special import stdtr

    x = np.random.default_rng(seed).normal(size=(repeats, seeds[-1]))
    t = [x[:, :n].mean(axis=1) / x[:, :n].std(axis=1, ddof=1) * np.sqrt(n) for n in seeds]
    return np.stack([2.0 * stdtr(n - 1, -abs(one)) for n, one in zip(seeds, t, strict=True)], axis=1)


@pytest.mark.integration
@pytest.mark.parametrize("shape", ["obrien-fleming", "pocock", "linear"])
@pytest.mark.parametrize("seeds", [LOOKS, [3, 4, 5, 6], [4, 12]])
def test_t_tests_of_few_seeds_err_as_often_as_they_may(shape: Shape, seeds: list[int]) -> None:
    levels = look_levels(seeds, shape=shape)
    stopped = p_values(seeds, 200_000, 1) <= levels
    spent = np.cumsum(alpha_spent([n / seeds[-1] for n in seeds], shape=shape))
    assert np.maximum.accumulate(stopped, axis=1).mean(axis=0) == pytest.approx(spent, abs=0.0025)
    assert false_alarm(seeds, levels) == pytest.approx(0.05, abs=1e-6)


def test_levels_are_wider_than_a_union_bound_gives() -> None:
    levels = look_levels(LOOKS)
    assert levels == pytest.approx([0.00137, 0.01197, 0.0415], abs=2e-4)
    assert all(ours >= union - 1e-9 for ours, union in zip(levels, alpha_spent([3 / 8, 5 / 8, 1.0]), strict=True))
    assert look_levels([5]) == pytest.approx([0.05])
    assert sum(look_levels([3, 5], most=8)) < 0.015


def test_a_first_look_of_very_many_spends_nothing_to_speak_of() -> None:
    assert look_levels([3, 40]) == pytest.approx([0.0, 0.05], abs=5e-4)


def test_looks_that_nobody_planned_err_more_often() -> None:
    stopped = (p_values(LOOKS, 200_000, 2) <= 0.05).any(axis=1).mean()
    assert false_alarm(LOOKS, [0.05] * 3) == pytest.approx(stopped, abs=0.003)
    assert false_alarm(LOOKS, [0.05] * 3) == pytest.approx(0.116, abs=0.001)
    assert false_alarm([5, 8], [0.05, 0.05]) == pytest.approx(0.082, abs=0.001)


@pytest.mark.parametrize("seeds", [[], [2, 5], [5, 5], [8, 5]])
def test_looks_that_are_none_are_refused(seeds: list[int]) -> None:
    with pytest.raises(ValueError, match="from 3 on"):
        look_levels(seeds)
    with pytest.raises(ValueError, match="from 3 on"):
        false_alarm(seeds, [0.05] * len(seeds))
    with pytest.raises(ValueError, match="ascending shares"):
        look_levels([3, 5], most=4)
    with pytest.raises(ValueError, match="got 1"):
        false_alarm([3], [1.0])


def test_one_look_at_several_arms_is_holm() -> None:
    rng = np.random.default_rng(3)
    for row in (0.1 * rng.random((200, 4))).tolist():
        assert sequential_holm([row], [5]) == [p <= 0.05 for p in holm(row)]


def test_an_arm_that_is_shown_makes_room_for_the_others_at_every_look() -> None:
    first, _, last = look_levels(LOOKS, alpha=0.025)
    rows = [[first, 0.9], [0.5, 0.9], [0.5, 0.04]]
    assert last < 0.04 < look_levels(LOOKS)[-1]
    assert sequential_holm(rows, LOOKS) == [True, True]
    assert sequential_holm([[0.5, 0.9], *rows[1:]], LOOKS) == [False, False]
    assert sequential_holm(rows[:1], LOOKS[:1], most=8) == [True, False]


def test_several_arms_and_looks_together_err_as_often_as_they_may() -> None:
    arms = np.stack([p_values(LOOKS, 1500, 10 + arm) for arm in range(3)], axis=2)
    assert np.mean([any(sequential_holm(rows, LOOKS)) for rows in arms.tolist()]) == pytest.approx(0.05, abs=0.018)


@pytest.mark.parametrize(
    ("rows", "words"), [([[0.1]], "one row for each look"), ([[0.1], [0.1, 0.2]], "one column"), ([[0.1], [1.5]], "lie in")]
)
def test_tables_of_p_values_that_are_none_are_refused(rows: list[list[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sequential_holm(rows, [3, 5])
