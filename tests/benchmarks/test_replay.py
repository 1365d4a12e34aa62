"""Replays: what they count round by round, where they stop, and what they refuse."""

import pytest

from benchmarks.numbers.replay import RecordedProblem, Spending, replay, solvable
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample

WRONG = SimulatedSample("incorrect", None, 5)


def right(solution: str) -> SimulatedSample:
    return SimulatedSample("correct", solution, 3)


RECORD = [
    RecordedProblem(SimulatedProblem("easy", 1), (right("a"), right("a"), right("b"), right("a"))),
    RecordedProblem(SimulatedProblem("hard", 8), (WRONG, WRONG, WRONG, right("c"))),
    RecordedProblem(SimulatedProblem("cut", 8), (SimulatedSample("correct", None, 9), WRONG, WRONG, WRONG)),
]


def test_fixed_spends_the_prefix_of_every_problem() -> None:
    done = replay(Fixed(initial=2), RECORD)
    assert done.spent == {"easy": Spending(6, 2, 1), "hard": Spending(10, 2, 0), "cut": Spending(14, 2, 0)}
    assert done.tokens() == 30
    assert done.tokens(["hard"]) == 10
    assert done.covered(1) == {"easy"}
    assert {key: stop.reason for key, stop in done.stops.items()} == dict.fromkeys(("easy", "hard", "cut"), "trial_cap")


def test_uniform_goes_on_where_nothing_was_found() -> None:
    done = replay(DarsUniform(initial=1, target=1, cap=4), RECORD)
    assert [[(draw.problem_id, draw.first_index, draw.count) for draw in round_] for round_ in done.rounds] == [
        [("cut", 0, 1), ("easy", 0, 1), ("hard", 0, 1)],
        [("cut", 1, 1), ("hard", 1, 1)],
        [("cut", 2, 2), ("hard", 2, 2)],
    ]
    assert [sum(one.tokens for one in after.values()) for after in done.after] == [17, 27, 45]
    assert [sum(one.distinct for one in after.values()) for after in done.after] == [1, 1, 2]
    assert {key: stop.reason for key, stop in done.stops.items()} == {
        "easy": "target_met",
        "hard": "target_met",
        "cut": "trial_cap",
    }


def test_solvable_counts_distinct_solutions_of_the_whole_record() -> None:
    assert solvable(RECORD, 1) == {"easy", "hard"}  # a text cut off at the limit is nobody's solution
    assert solvable(RECORD, 2) == {"easy"}
    assert solvable(RECORD, 3) == set()


def test_a_record_that_is_too_short_is_said() -> None:
    with pytest.raises(ValueError, match="4 draws are recorded of cut, the budget asks for 5"):
        replay(Fixed(initial=5), RECORD)
