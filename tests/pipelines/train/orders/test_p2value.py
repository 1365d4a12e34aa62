"""Order `p2value`: its priorities by hand, its shares, and what it sees of programs that pass some tests."""

from collections import Counter
from math import exp

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.orders.p2value import P2Value
from rollmill.pipelines.train.roles import TrainingUnits

UNITS = TrainingUnits(4, {"possibility": [0.9, 0.5, 0.1, 0.5], "passed": [0.0, 1.0, 0.75, 0.0]})


@pytest.mark.parametrize(
    ("alpha", "priorities"), [(0.0, [0, 1, 0.75, 0]), (0.5, [0.45, 0.75, 0.425, 0.25]), (1.0, [0.9, 0.5, 0.1, 0.5])]
)
def test_a_priority_is_the_weighted_sum_of_probability_and_pass_rate(alpha: float, priorities: list[float]) -> None:
    assert P2Value(alpha).priorities(UNITS).tolist() == pytest.approx(priorities)


def test_programs_are_seen_in_proportion_to_their_priorities() -> None:
    drawn = Counter(int(unit) for epoch in range(4_000) for unit in P2Value(0.5).arrange(UNITS, 1, epoch))
    for unit, priority in enumerate([0.45, 0.75, 0.425, 0.25]):
        assert drawn[unit] / 16_000 == pytest.approx(priority / 1.875, abs=0.012)  # three standard errors


def test_by_the_pass_rate_alone_programs_that_fail_all_tests_never_come_and_partial_passes_do() -> None:
    drawn = {int(unit) for epoch in range(50) for unit in P2Value(0.0).arrange(UNITS, 1, epoch)}
    assert drawn == {1, 2}


def test_the_raw_probability_of_long_programs_vanishes_and_its_rank_is_lost_where_that_per_token_keeps_it() -> None:
    logprobs, tokens = (-0.6, -0.9), 900
    raw = [exp(logprob * tokens) for logprob in logprobs]
    assert raw[1] == 0.0
    units = TrainingUnits(2, {"possibility": [exp(logprob) for logprob in logprobs], "passed": [0.0, 0.0]})
    assert P2Value(1.0).priorities(units)[0] > P2Value(1.0).priorities(units)[1] > 0.4


@pytest.mark.parametrize(
    ("columns", "alpha", "said"),
    [
        ({"possibility": [0.5, 0.5], "passed": [0.0, 0.0]}, 0.0, "every row has priority 0"),
        ({"possibility": [-1.5, 0.5], "passed": [0.0, 0.0]}, 0.5, "must be shares"),
        ({"passed": [0.0, 0.0]}, 0.5, "'possibility'"),
    ],
)
def test_senseless_rows_are_named(columns: dict[str, list[float]], alpha: float, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        P2Value(alpha).arrange(TrainingUnits(2, columns), 1, 0)


def test_a_senseless_weight_is_named() -> None:
    with pytest.raises(SetupError, match=r"alpha is 1\.5"):
        P2Value(1.5)
