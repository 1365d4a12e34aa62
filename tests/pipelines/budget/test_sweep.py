"""The budget `sweep`: halves, plans and results by hand; equal steps show no gain, and a better one is winning."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.allocate.halving import Halving
from rollmill.pipelines.allocate.ucb import Ucb
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.pipelines.budget.halves import halves_of, split_by
from rollmill.pipelines.budget.sweep import SweepBudget
from rollmill.pipelines.budget.sweep_result import SweepResult, sweep_result
from rollmill.roles.tallies import Draw, StepTally, Tally
from rollmill.steps.graph import StepGraph, StepRule

STEPS = ("plain", "cool", "warm")


def problems(count: int, templates: int) -> list[SimulatedProblem]:
    return [SimulatedProblem(f"p{n:03}", level=n % 3, template=f"t{n % templates}") for n in range(count)]


def swept(budget: SweepBudget, steps: Sequence[str], better: float, seed: int, count: int = 96) -> SweepResult:
    """A sweep over problems whose pass rates differ, the last step `better` than the others, which are equal."""
    rng = random.Random(seed)
    of_template = [rng.uniform(-0.2, 0.2) for _ in range(count // 4)]
    asked = problems(count, count // 4)
    rates = {each.problem_id: rng.uniform(0.2, 0.7) + of_template[n % len(of_template)] for n, each in enumerate(asked)}

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        rate = rates[draw.problem_id] + (better if draw.step == steps[-1] else 0.0)
        right = (rng.random() < rate for _ in range(draw.count))
        return [SimulatedSample("correct" if hit else "incorrect", None, 10) for hit in right]

    *_, last = run_budget(budget, asked, outcomes, steps)
    assert {tally.stopped for tally in last.tallies} == {"swept"}
    return sweep_result(budget, last.tallies)


def test_halves_share_no_template_and_balance_the_levels() -> None:
    tallies = [Tally(f"p{n:02}", level=n % 2, template=f"t{n % 8}") for n in range(64)]
    halves = halves_of(tallies)
    assert {tally.template for tally in halves.choose} & {tally.template for tally in halves.report} == set()
    assert (
        Counter(tally.level for tally in halves.choose) == Counter(tally.level for tally in halves.report) == {0: 16, 1: 16}
    )
    assert halves_of(tallies[::-1]) == halves
    assert halves_of(tallies, "other") != halves
    few = [replace(tally, template=f"t{n % 3}") for n, tally in enumerate(tallies)]
    assert (split_by(tallies), split_by(few)) == ("templates", "problems")
    assert len(halves_of(few).choose) == len(halves_of(few).report) == 32


def test_all_steps_draw_the_same_problems_in_one_order_and_two_draw_the_other_half() -> None:
    budget = SweepBudget(allocator=[Halving(total=24)], report=3)
    asked = problems(20, 10)
    halves = halves_of([Tally(each.problem_id, level=each.level, template=each.template) for each in asked])
    order = [tally.problem_id for tally in halves.choose]

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        return [SimulatedSample("correct" if draw.step == "warm" else "incorrect")] * draw.count

    rounds = [made.plan for made in run_budget(budget, asked, outcomes, STEPS)]
    assert [{name: sum(draw.step == name for draw in plan.draws) for name in STEPS} for plan in rounds] == [
        {"plain": 4, "cool": 4, "warm": 4},  # 24 pulls over two rounds and three steps
        {"plain": 6, "cool": 0, "warm": 6} if rounds[1].draws[0].step == "plain" else {"plain": 0, "cool": 6, "warm": 6},
        {"plain": 10, "cool": 0, "warm": 10},
        {"plain": 0, "cool": 0, "warm": 0},
    ]
    assert {draw.problem_id for draw in rounds[0].draws} == set(order[:4])
    assert {draw.problem_id for draw in rounds[1].draws} == set(order[4:10])
    assert {(draw.problem_id, draw.first_index, draw.count) for draw in rounds[2].draws} == {
        (tally.problem_id, 0, 3) for tally in halves.report
    }
    assert {stop.reason for stop in rounds[3].stops} == {"swept"}
    assert len(rounds[3].stops) == 20


def test_the_result_is_that_of_the_counts_by_hand() -> None:
    budget = SweepBudget(allocator=[Halving(total=4)], report=2)
    halves = halves_of([Tally(f"p{n}") for n in range(4)])
    right = {halves.choose[0].problem_id: (0, 1), halves.choose[1].problem_id: (1, 1),
             halves.report[0].problem_id: (1, 1), halves.report[1].problem_id: (0, 2)}  # fmt: skip
    chosen = {tally.problem_id for tally in halves.choose}
    tallies = [
        Tally(key, steps=tuple(_step(name, hits, 1 if key in chosen else 2, tokens) for name, hits, tokens in
                               zip(("a", "b"), counts, (10, 20), strict=True)))
        for key, counts in right.items()
    ]  # fmt: skip
    result = sweep_result(budget, tallies)
    assert (result.chosen, result.default, result.seen_gain) == ("b", "a", 0.5)
    assert [step.rate.value if step.rate else None for step in (*result.steps, *result.reported)] == [1.0, 0.5, 0.75, 0.25]
    assert [(step.tokens, step.per_kilotoken, step.front) for step in result.steps] == [(20, 50, True), (10, 50, True)]
    assert result.gain is not None
    assert (result.gain.change.value, result.gain.change.n) == (0.5, 2)
    assert result.curse is not None
    assert (result.curse.value, result.curse.n) == (0.25, 4)


@pytest.mark.parametrize(("templates", "clusters"), [(3, 3), (6, 6), (None, 12)])
def test_a_template_in_both_halves_is_one_cluster(templates: int | None, clusters: int) -> None:
    steps = (StepTally("a", 2, 1, 1), StepTally("b", 2, 1, 1))
    tallies = [Tally(f"p{n:02}", template=f"t{n % templates}" if templates else None, steps=steps) for n in range(12)]
    curse = sweep_result(SweepBudget(allocator=[Halving(total=4)], report=2), tallies).curse
    assert curse is not None
    assert (curse.n, curse.clusters) == (12, clusters)


def _step(name: str, right: int, drawn: int, tokens: int) -> StepTally:
    return StepTally(name, drawn, right, drawn - right, tokens=tokens * drawn)


def test_a_step_that_is_worse_and_longer_is_not_on_the_front_and_undecided_is_no_answer() -> None:
    budget = SweepBudget(allocator=[Halving(total=4)], report=1)
    halves = halves_of([Tally(f"p{n}") for n in range(4)])
    steps = (StepTally("a", 1, 1, tokens=10), StepTally("b", 1, 0, 1, tokens=20))
    lost = (StepTally("a", 1, undecided=1), StepTally("b", 1, 0, 1))
    tallies = [Tally(tally.problem_id, steps=steps) for tally in halves.choose]
    tallies += [Tally(tally.problem_id, steps=lost) for tally in halves.report]
    result = sweep_result(budget, tallies)
    assert [(step.step, step.front) for step in result.steps] == [("a", True), ("b", False)]
    assert (result.chosen, result.gain, result.reported[0].rate, result.curse) == ("a", None, None, None)
    other = sweep_result(replace(budget, default="b"), tallies)
    assert (other.gain, other.seen_gain) == (None, 1.0)


def test_mistakes_are_named() -> None:
    graph = StepGraph([StepRule(name) for name in STEPS])
    with pytest.raises(SetupError, match="the recipe has one"):
        SweepBudget().check_steps(StepGraph([StepRule("")]))
    with pytest.raises(SetupError, match="unknown default step 'hot' of budget 'sweep'"):
        SweepBudget(default="hot").check_steps(graph)
    with pytest.raises(SetupError, match="a total of 5 gives 3 arms no pull in every round"):
        SweepBudget(allocator=[Halving(total=5)]).check_steps(graph)
    with pytest.raises(SetupError, match="option 'report' is 0"):
        SweepBudget(report=0)
    SweepBudget(allocator="ucb").check_steps(graph)


@pytest.mark.integration
@pytest.mark.parametrize("allocator", [Halving(total=192), Ucb(total=192, batch=32)])
def test_equal_steps_gain_where_they_were_chosen_and_nothing_elsewhere(allocator: Halving | Ucb) -> None:
    budget = SweepBudget(allocator=[allocator], report=2)
    results = [swept(budget, [f"s{n}" for n in range(6)], 0.0, seed) for seed in range(150)]
    others = [result for result in results if result.gain is not None]
    gains = np.array([result.gain.change.value for result in others if result.gain])
    seen = np.array([result.seen_gain for result in others])
    covered = [result.gain.change.low <= 0.0 <= result.gain.change.high for result in others if result.gain]
    assert len(others) > 100
    assert isinstance(allocator, Ucb) or min(seen) >= 0.0  # a step that is dropped was no better
    assert np.mean(seen) > 0.05  # the winner's curse
    assert abs(np.mean(gains)) < 3 * np.std(gains) / len(gains) ** 0.5
    assert np.mean(covered) > 0.95 - 3 * (0.95 * 0.05 / len(covered)) ** 0.5
    assert np.mean([result.curse.value for result in results if result.curse]) > 0.02


@pytest.mark.integration
def test_a_better_step_is_chosen_and_shown_to_be_better() -> None:
    budget = SweepBudget(allocator=[Halving(total=192)], report=4)
    results = [swept(budget, [f"s{n}" for n in range(6)], 0.3, seed) for seed in range(40)]
    winning = [result for result in results if result.chosen == "s5"]
    assert len(winning) >= 36
    assert sum(result.gain is not None and result.gain.change.low > 0 for result in winning) >= 0.8 * len(winning)
    gains = np.array([result.gain.change.value for result in winning if result.gain])
    assert abs(np.mean(gains) - 0.29) < 0.03  # rates end at 1
