"""Forecasts with steps: what the same problems showed on every step is drawn together."""

from collections.abc import Callable

import numpy as np
import pytest

from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.forecasts.forecast import ForecastProblem, Question, forecast, simulate_run, totals_of
from rollmill.pipelines.budget.forecasts.posterior_predictive import JointPosteriorPredictive, Observation
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample
from rollmill.pipelines.budget.router import Router
from rollmill.roles.tallies import Draw
from tests.pipelines.budget.simulation import depths

ARMS = ("short", "long")
TOKENS = {"short": 20, "long": 60}


def subjects(count: int, levels: int = 1) -> list[SimulatedProblem]:
    return [SimulatedProblem(f"p{n:03}", n % levels + 1, f"t{n % 4}") for n in range(count)]


def answers(rng: np.random.Generator, rate: float, draws: int, tokens: int) -> list[SimulatedSample]:
    right = (rng.random(draws) < rate).tolist()
    wrong = rng.integers(5, size=draws).tolist()
    return [
        SimulatedSample("correct", n, tokens, "42") if good else SimulatedSample("incorrect", None, tokens, f"w{wrong[n]}")
        for n, good in enumerate(right)
    ]


def pilot(
    rng: np.random.Generator, some: list[SimulatedProblem], rates: dict[tuple[str, str], float], draws: int = 8
) -> dict[str, list[Observation]]:
    return {
        step: [Observation(subject, answers(rng, rates[subject.problem_id, step], draws, TOKENS[step])) for subject in some]
        for step in ARMS
    }


def question(some: list[SimulatedProblem], budget: object, **more: object) -> Question:
    asked = [ForecastProblem(subject, {"short": 10, "long": 30}) for subject in some]
    return Question(budget, asked, steps=ARMS, **({"simulations": 30} | more))  # type: ignore[arg-type]


def truth(rng: np.random.Generator, rates: dict[tuple[str, str], float]) -> Callable[[Draw], list[SimulatedSample]]:
    return lambda draw: answers(rng, rates[draw.problem_id, draw.step], draw.count, TOKENS[draw.step])


def halves(some: list[SimulatedProblem], *, alike: bool) -> dict[tuple[str, str], float]:
    """Half of the problems are solved on the short step; the long one solves the same half, or the other one."""
    rates: dict[tuple[str, str], float] = {}
    for n, one in enumerate(some):
        good = n % 8 < 4
        rates[one.problem_id, "short"] = 0.95 if good else 0.01
        rates[one.problem_id, "long"] = 0.95 if good == alike else 0.01
    return rates


def test_what_one_step_leaves_over_is_as_hard_for_the_next_as_the_pilot_saw() -> None:
    """The trap: each step by itself solves half of the problems in both cases."""
    some = subjects(64)
    budget = Router(initial=4, entry=4, target=1, cap=8)
    rng = np.random.default_rng(0)
    alike = forecast(question(some, budget), pilot(rng, some[:32], halves(some, alike=True), 16))
    apart = forecast(question(some, budget), pilot(rng, some[:32], halves(some, alike=False), 16))
    assert alike["solved"].median < 0.65 * 64  # steps that know nothing of each other would solve three quarters
    assert apart["solved"].low95 > 0.85 * 64
    assert alike["tokens_out"].median > apart["tokens_out"].median


def test_tokens_in_and_seconds_are_those_of_the_steps_that_draw() -> None:
    some = subjects(16)
    rates = {(subject.problem_id, step): 1.0 if step == "short" else 0.0 for subject in some for step in ARMS}
    evidence = pilot(np.random.default_rng(0), some, rates)
    budget = Router(initial=4, entry=4, target=1, cap=8, pilot=0)
    predictions = forecast(question(some, budget, rates={"short": 40.0}), evidence)
    assert predictions["tokens_in"].median == 16 * 4 * 10
    assert predictions["seconds"].median == predictions["tokens_out"].median / 40
    slow = {(subject.problem_id, step): 0.0 for subject in some for step in ARMS}
    unknown = forecast(question(some, budget, rates={"short": 40.0}), pilot(np.random.default_rng(0), some, slow))
    assert "seconds" not in unknown  # the long step draws, and its speed is not known


def test_the_agreement_of_wrong_answers_is_drawn_too() -> None:
    """A model that is wrong in one way agrees with itself; one that is wrong in many ways goes to the next step."""
    some = subjects(24)
    one_way = {
        step: [Observation(subject, [SimulatedSample("incorrect", None, 9, "7")] * 8) for subject in some] for step in ARMS
    }
    many = {
        step: [Observation(subject, [SimulatedSample("incorrect", None, 9, f"w{n}") for n in range(8)]) for subject in some]
        for step in ARMS
    }
    budget = BUDGETS["router"](rule="agreement", initial=4, entry=4)
    assert forecast(question(some, budget), one_way)["draws"].median < 1.2 * 24 * 4
    assert forecast(question(some, budget), many)["draws"].median > 1.8 * 24 * 4


def test_solutions_count_over_all_steps() -> None:
    some = subjects(8)
    same = {
        step: [Observation(subject, [SimulatedSample("correct", "same", 9, "42")] * 8) for subject in some] for step in ARMS
    }
    source = JointPosteriorPredictive(some, same).draw(np.random.default_rng(0))
    first, second = source(Draw("p000", 0, 6, "short")), source(Draw("p000", 0, 6, "long"))
    assert len({one.solution for one in [*first, *second] if one.outcome == "correct"}) <= 2


def test_a_problem_of_the_pilot_is_its_own_donor() -> None:
    some = subjects(12)
    rates = {(one.problem_id, step): float(n < 2) for n, one in enumerate(some) for step in ARMS}
    source = JointPosteriorPredictive(some, pilot(np.random.default_rng(0), some, rates, 32)).draw(np.random.default_rng(1))
    right = [sum(s.outcome == "correct" for s in source(Draw(subject.problem_id, 0, 20, "long"))) for subject in some]
    assert min(right[:2]) > 14
    assert max(right[2:]) < 6


@pytest.mark.integration
@pytest.mark.parametrize("rule", ["difficulty", "agreement"])
def test_intervals_hold_as_often_as_they_say(rule: str) -> None:
    """40 runs, each with rates of its own that are alike on both steps, a pilot on a third of its problems, a forecast."""
    rng = np.random.default_rng(3)
    some = subjects(36)
    options = {"cap": 8, "target": 1} if rule == "difficulty" else {}
    budget = BUDGETS["router"](rule=rule, initial=4, entry=4, **options)
    held: list[bool] = []
    for number in range(40):
        hard = rng.beta(0.8, 0.8, size=36)
        rates = {
            (one.problem_id, step): float(hard[n] ** (1.0 if step == "short" else 0.6))
            for n, one in enumerate(some)
            for step in ARMS
        }
        ask = question(some, budget, simulations=39, seed=number)
        evidence = pilot(rng, some[:12], rates)
        totals = totals_of(simulate_run(ask, truth(rng, rates)))
        actual = {name: totals[name] for name in ("draws", "tokens_out", "solved")}
        held += [depth >= 1 for depth in depths(ask, evidence, actual).values()]
    assert sum(held) >= 0.85 * len(held), sum(held) / len(held)
