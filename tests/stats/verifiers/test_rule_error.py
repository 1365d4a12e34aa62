"""How often a rule that gives up is wrong: counted from what was said of each problem."""

import pytest

from rollmill.stats import rule_error_counts

STOPS = [
    ("a", "hopeless"),
    ("b", "continued"),
    ("b", "target_met"),
    ("c", "continued"),
    ("c", "trial_cap"),
    ("d", "continued"),
    ("e", "target_met"),
]


def test_those_that_went_on_and_ended_are_the_sample() -> None:
    rule = rule_error_counts(STOPS)
    assert (rule.stopped, rule.continued, rule.ended, rule.met) == (1, 3, 2, 1)
    assert rule.row() == pytest.approx(
        {"stopped": 1, "continued": 3, "ended": 2, "met": 1, "cut": 0, "error": 0.5, "low": 0.01258, "high": 0.98742},
        abs=1e-4,
    )


def test_what_a_spent_total_cut_off_may_have_met_its_target() -> None:
    holdout = [(f"p{n}", "continued") for n in range(10)]
    ends = [(f"p{n}", "target_met" if n < 2 else "trial_cap" if n < 6 else "budget") for n in range(10)]
    error = rule_error_counts([*holdout, *ends]).error
    assert error is not None
    assert (error.value, error.n) == (0.2, 10)
    # Clopper-Pearson: the lower end of 2 of 10, the upper end of 6 of 10.
    assert (error.low, error.high) == pytest.approx((0.02521, 0.87845), abs=1e-4)


def test_nothing_is_known_before_one_has_ended() -> None:
    assert rule_error_counts([("a", "hopeless"), ("b", "continued")]).error is None
    assert rule_error_counts([]).row()["error"] is None
