"""How many completions a run draws in all: certain for a fixed budget, an interval that holds for one that goes on."""

from dataclasses import replace

import numpy as np
import pytest

from rollmill.pipelines.budget.dars import DarsProp2Diff
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.pipelines.budget.forecasts.whole_run import ended_runs
from rollmill.pipelines.budget.router import Router
from rollmill.pipelines.budget.sequential import Sequential
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, PrefixTally, StepTally
from rollmill.stats import Prediction, prediction_of


def drawn(budget: Budget, tallies: list[PrefixTally], round_index: int) -> Prediction:
    ended = ended_runs(budget, tallies, round_index, seconds=60)
    return prediction_of([float(sum(tally.drawn for tally in one)) for one in ended])


def test_a_fixed_budget_is_certain() -> None:
    tallies = [PrefixTally(f"p{n}") for n in range(30)]
    said = drawn(Fixed(4), tallies, 0)
    assert (said.median, said.low95, said.high95) == (120.0, 120.0, 120.0)


@pytest.mark.integration
@pytest.mark.parametrize("solutions", [1 << 40, 3])
def test_the_interval_holds_what_a_run_draws_and_is_narrower_than_what_could_be(solutions: int) -> None:
    """Also where a problem has few solutions, whose correct answers repeat one another more and more."""
    held, ratios = 0, []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        rates = {f"p{n}": rng.beta(1, 2) for n in range(40)}

        def source(draw: Draw, rng: np.random.Generator = rng, rates: dict[str, float] = rates) -> list[SimulatedSample]:
            right = rng.random(draw.count) < rates[draw.problem_id]
            return [
                SimulatedSample("correct", int(rng.integers(solutions))) if one else SimulatedSample("incorrect")
                for one in right
            ]

        budget = DarsProp2Diff(initial=4, target=6, cap=40)
        rounds = list(run_budget(budget, [SimulatedProblem(key) for key in rates], source))
        actual = sum(tally.drawn for tally in rounds[-1].tallies)
        said = drawn(budget, list(rounds[0].tallies), 1)
        held += said.low95 <= actual <= said.high95
        assert 160 < said.low95 < said.high95 < 40 * 40
        ratios.append(said.median / actual)
    assert held >= 8
    assert 0.85 < sum(ratios) / len(ratios) < 1.15


@pytest.mark.parametrize("budget", [Sequential(cap=16, tokens_per_kept=500), Router(rule="agreement")])
def test_simulated_draws_have_the_tokens_of_drawn_ones(budget: Budget) -> None:
    """A budget that weighs tokens would else draw more and more, as each simulated draw looks cheaper."""
    first, second = StepTally("short", 4, 2, 2, distinct=2, tokens=40), StepTally("long", 4, 2, 2, distinct=2, tokens=400)
    tried = PrefixTally("p0", 8, 4, 4, distinct_correct=4, tokens=440, steps=(first, second), stopped="agreed")
    others = [
        PrefixTally(f"p{n}", 4, 2, 2, distinct_correct=2, tokens=40, steps=(first, StepTally("long"))) for n in range(1, 9)
    ]
    if isinstance(budget, Sequential):
        others = [replace(tally, steps=()) for tally in others]
    runs = list(ended_runs(budget, [tried, *others], 1, seconds=60))
    assert runs
    for ended in runs:
        assert {tally.tokens / tally.drawn for tally in ended if not tally.steps} <= {10}
        assert {step.tokens / step.drawn for tally in ended for step in tally.steps} <= {10, 100}
        assert all(tally.tokens == sum(step.tokens for step in tally.steps) for tally in ended if tally.steps)
        assert sum(tally.drawn for tally in ended) > 40


def test_without_time_nothing_is_said_and_unknown_solutions_are_no_error() -> None:
    tallies = [PrefixTally(f"p{n}", drawn=4, correct=2, prefix_judged=4, prefix_correct=2) for n in range(30)]
    budget = DarsProp2Diff(initial=4, target=6, cap=40)
    assert list(ended_runs(budget, tallies, 1, seconds=0)) == []
    assert drawn(budget, tallies, 1).low95 > 120
