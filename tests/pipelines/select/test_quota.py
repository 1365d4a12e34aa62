"""Quotas of distinct correct solutions, with literal reasons."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Rollout
from rollmill.pipelines.select.quota import AllCorrect, Quota, QuotaByDifficulty, Vanilla
from tests.pipelines.select.rollouts import rollout, rollouts

LONG = "Anna has five apples and gives some of them to Tom, then she counts what is left in the basket on the table: {}"


def reasons(selector: object, pool: list[Rollout]) -> list[str]:
    return [decision.reason for decision in selector.select("r", pool)]  # type: ignore[attr-defined]


def test_the_first_k_distinct_correct_in_sample_order_are_kept() -> None:
    pool = rollouts(
        ("incorrect", "x"),
        ("correct", "a 4"),
        ("correct", "A  4\n"),
        ("correct", "b 4"),
        ("correct", "c 4"),
        ("correct", "b 4"),
    )
    expected = ["incorrect", "kept", "duplicate_solution", "kept", "over_quota", "duplicate_solution"]
    assert reasons(Quota(per_problem=2), pool) == expected


def test_sample_order_is_by_index_not_by_position() -> None:
    pool = list(reversed(rollouts(("correct", "a 4"), ("correct", "b 4"))))
    assert reasons(Quota(per_problem=1), pool) == ["over_quota", "kept"]


def test_a_copy_of_what_was_over_quota_is_a_copy() -> None:
    pool = rollouts(("correct", "a"), ("correct", "b"), ("correct", "b"))
    assert reasons(Quota(per_problem=1), pool) == ["kept", "over_quota", "duplicate_solution"]


def test_vanilla_keeps_all_distinct_and_all_correct_keeps_copies() -> None:
    pool = rollouts(("correct", "a"), ("correct", "b"), ("correct", "a"))
    assert reasons(Vanilla(), pool) == ["kept", "kept", "duplicate_solution"]
    assert reasons(AllCorrect(), pool) == ["kept", "kept", "kept"]


def test_solutions_that_differ_in_a_number_only_are_both_kept() -> None:
    pool = rollouts(("correct", LONG.format(4)), ("correct", LONG.format(5)))
    assert reasons(Quota(near_duplicates=0.5), pool) == ["kept", "kept"]


def test_solutions_that_differ_in_a_filler_word_are_near_duplicates_where_asked() -> None:
    pool = rollouts(("correct", LONG.format(4)), ("correct", LONG.format(4).replace("basket", "box")))
    assert reasons(Quota(near_duplicates=0.7), pool) == ["kept", "near_duplicate"]
    assert reasons(Quota(), pool) == ["kept", "kept"]


def test_a_truncated_solution_blocks_no_whole_one() -> None:
    pool = [rollout(0, "correct", "so 4", "length"), rollout(1, "correct", "so 4")]
    assert reasons(Quota(), pool) == ["truncated", "kept"]


@pytest.mark.parametrize(("correct", "quota"), [(0, 4), (1, 4), (4, 2), (7, 1), (8, 1)])
def test_the_quota_by_difficulty_is_rounded_up_from_the_prefix(correct: int, quota: int) -> None:
    prefix = [rollout(index, "correct" if index < correct else "incorrect", f"way {index}") for index in range(8)]
    later = [rollout(8 + index, "correct", f"later {index}") for index in range(8)]
    selector = QuotaByDifficulty(per_problem=4, initial=8)
    assert selector.quota(prefix + later) == quota
    assert reasons(selector, prefix + later).count("kept") == quota


def test_undecided_counts_in_no_difficulty() -> None:
    pool = rollouts(("correct", "a"), ("undecided", "b"), ("incorrect", "c"), ("undecided", "d"))
    assert QuotaByDifficulty(per_problem=4, initial=4).quota(pool) == 2
    assert QuotaByDifficulty(per_problem=4, initial=4).quota(rollouts(("undecided", "b"))) == 4


@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_a_senseless_quota_is_named(value: object) -> None:
    with pytest.raises(SetupError, match=r"option 'per_problem' is .*, and must be a whole number of at least 1"):
        Quota(per_problem=value)  # type: ignore[arg-type]


def test_a_senseless_threshold_is_named() -> None:
    with pytest.raises(SetupError, match=r"near_duplicates is 95, and must be a Jaccard similarity from 0.5 to 1.0"):
        Quota(near_duplicates=95)


def test_rollouts_of_two_problems_are_refused() -> None:
    other = rollout(1, "correct", "4")
    stranger = Rollout(type(other.problem)(prompt="3 + 3 = ?", reference="6"), other.completion, other.verdict)
    with pytest.raises(ValueError, match="several problems"):
        list(Quota().select("r", [rollout(0, "correct", "5"), stranger]))
