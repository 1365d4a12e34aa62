"""Agreement with the truth: kappa by hand, the constant judge, failures that stay in the mean."""

import pytest

from pipelines.verify.judging.agreement import Agreement, agreement
from storage.records import Outcome


def table(both: int, accepts: int, rejects: int, neither: int) -> tuple[list[Outcome], list[bool]]:
    judged: list[Outcome] = ["correct"] * (both + accepts) + ["incorrect"] * (rejects + neither)
    return judged, [True] * both + [False] * accepts + [True] * rejects + [False] * neither


def test_kappa_of_a_table_by_hand() -> None:
    """20, 5, 10, 15 of 50: p = 0.7, e = 0.5, kappa = 0.4 (the worked example of Cohen's statistic)."""
    found = agreement(*table(20, 5, 10, 15))
    assert found.accuracy == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)
    assert (found.false_accepts, found.false_rejects) == (5, 10)
    assert (found.constant, found.constant_accuracy) == ("correct", 0.6)


def test_a_constant_judge_agrees_often_and_has_no_kappa_to_show() -> None:
    found = agreement(["correct"] * 100, [True] * 90 + [False] * 10)
    assert (found.accuracy, found.constant_accuracy, found.kappa) == (0.9, 0.9, 0.0)


def test_failures_stay_in_the_mean() -> None:
    """Dropping the undecided half would make this judge perfect."""
    judged: list[Outcome] = ["correct", "incorrect", "undecided", "undecided"]
    found = agreement(judged, [True, False, True, False])
    assert (found.accuracy, found.failed) == (0.5, 0.5)
    assert found.kappa == pytest.approx(1 / 3)


def test_unparsed_says_no() -> None:
    assert agreement(["unparsed", "correct"], [False, True]).accuracy == 1.0


def test_kappa_is_undefined_where_chance_agrees_always() -> None:
    assert agreement(["correct"], [True]) == Agreement(1, 1.0, 0.0, None, 1.0, "correct", 0, 0)


def test_no_cases_or_uneven_ones_are_refused() -> None:
    for judged, truth in (([], []), (["correct"], [])):
        with pytest.raises(ValueError, match="cases"):
            agreement(judged, truth)  # type: ignore[arg-type]
