"""A budget run against a source of outcomes: rounds, tallies, stops, and the rules that both sides must keep."""

from collections.abc import Callable, Sequence

import pytest

from rollmill.ground.records import Outcome
from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.roles.tallies import Draw, PrefixTally, RoundPlan, Stop, Tally

RIGHT: Outcome = "correct"
WRONG: Outcome = "incorrect"


def from_list(recorded: dict[str, str]) -> Callable[[Draw], list[SimulatedSample]]:
    """A source that gives recorded outcomes: a letter is a correct answer in that wording, `-` an incorrect one."""

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        part = recorded[draw.problem_id][draw.first_index : draw.first_index + draw.count]
        return [SimulatedSample(WRONG, None, 5) if letter == "-" else SimulatedSample(RIGHT, letter, 3) for letter in part]

    return outcomes


def test_uniform_is_drawn_round_by_round_until_every_problem_stops() -> None:
    budget = DarsUniform(initial=2, target=2, cap=6)
    source = from_list({"easy": "ab----", "same": "aaab--", "never": "------"})
    rounds = list(
        run_budget(budget, [SimulatedProblem("never"), SimulatedProblem("easy"), SimulatedProblem("same")], source)
    )
    assert [[(d.problem_id, d.first_index, d.count) for d in each.plan.draws] for each in rounds] == [
        [("easy", 0, 2), ("never", 0, 2), ("same", 0, 2)],
        [("never", 2, 2), ("same", 2, 2)],
        [("never", 4, 2)],
        [],
    ]
    assert [[(stop.problem_id, stop.reason) for stop in each.plan.stops] for each in rounds] == [
        [],
        [("easy", "target_met")],
        [("same", "target_met")],
        [("never", "trial_cap")],
    ]
    assert [tally.distinct_correct for tally in rounds[-1].tallies] == [2, 0, 2]
    assert [tally.drawn for tally in rounds[-1].tallies] == [2, 6, 4]
    assert [list(samples) for samples in rounds[1].samples] == [
        [SimulatedSample(WRONG, None, 5)] * 2,
        [SimulatedSample(RIGHT, "a", 3), SimulatedSample(RIGHT, "b", 3)],
    ]


def test_tallies_count_every_outcome_and_the_prefix_apart() -> None:
    def outcomes(draw: Draw) -> Sequence[SimulatedSample]:
        mixed = [
            SimulatedSample("unparsed"),
            SimulatedSample("undecided"),
            SimulatedSample(RIGHT, "x"),
            SimulatedSample(RIGHT, None),
            SimulatedSample(RIGHT, "y"),
        ]
        return mixed[draw.first_index : draw.first_index + draw.count]

    class TwoThenThree:
        name, version, prefix, estimator = "two-then-three", "1", 3, "prefix"

        def plan(self, _round: int, tallies: Sequence[Tally]) -> RoundPlan:
            drawn = tallies[0].drawn
            return RoundPlan((Draw("p", drawn, 2 if drawn == 0 else 3),) if drawn < 5 else (), (Stop("p", "known"),))

    rounds = list(run_budget(TwoThenThree(), [SimulatedProblem("p")], outcomes))
    assert rounds[-1].tallies[0] == PrefixTally(
        "p",
        drawn=5,
        correct=3,
        unparsed=1,
        undecided=1,
        distinct_correct=2,
        prefix_judged=2,
        prefix_correct=1,
        stopped="known",
    )
    assert [len(each.plan.stops) for each in rounds] == [1, 0, 0]  # given again, a stop is no news


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_every_budget_of_the_registry_runs_and_ends(name: str) -> None:
    subjects = [SimulatedProblem(f"p{number}", level=number, template="t") for number in range(6)]
    rounds = list(run_budget(BUDGETS[name](), subjects, lambda draw: [SimulatedSample(WRONG, None, 7)] * draw.count))
    assert not rounds[-1].plan.draws
    assert all(tally.drawn >= BUDGETS[name]().prefix for tally in rounds[-1].tallies)


def test_it_draws_no_further_than_it_is_read() -> None:
    asked: list[Draw] = []

    def outcomes(draw: Draw) -> Sequence[SimulatedSample]:
        asked.append(draw)
        return [SimulatedSample(WRONG)] * draw.count

    next(run_budget(DarsUniform(initial=2, cap=64), [SimulatedProblem("p")], outcomes))
    assert [draw.count for draw in asked] == [2]


def test_a_source_that_gives_too_few_is_broken() -> None:
    with pytest.raises(RuntimeError, match="1 samples for Draw"):
        list(run_budget(Fixed(initial=2), [SimulatedProblem("p")], lambda _: [SimulatedSample(WRONG)]))


def test_a_budget_that_skips_an_index_is_broken() -> None:
    class Skips:
        name, version, prefix, estimator = "skips", "1", 0, "none"

        def plan(self, _round: int, _tallies: Sequence[Tally]) -> RoundPlan:
            return RoundPlan((Draw("p", 1, 1),))

    with pytest.raises(RuntimeError, match="but 0 are drawn so far"):
        list(run_budget(Skips(), [SimulatedProblem("p")], lambda _: [SimulatedSample(WRONG)]))


def test_a_budget_that_never_ends_is_broken() -> None:
    class Endless:
        name, version, prefix, estimator = "endless", "1", 0, "none"

        def plan(self, _round: int, tallies: Sequence[Tally]) -> RoundPlan:
            return RoundPlan((Draw("p", tallies[0].drawn, 1),))

    with pytest.raises(RuntimeError, match="budget endless has not ended after 10000 rounds"):
        list(run_budget(Endless(), [SimulatedProblem("p")], lambda _: [SimulatedSample(WRONG)]))
