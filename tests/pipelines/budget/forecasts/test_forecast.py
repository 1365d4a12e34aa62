"""Forecasts: the budget is run on simulated outcomes; intervals are calibrated; templates and levels count."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from rollmill.ground.records import Outcome
from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.forecast import ForecastProblem, Question, forecast, simulate_run, totals_of
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation, PosteriorPredictive
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample
from rollmill.roles.tallies import Draw, RoundPlan, Stop, Tally
from tests.pipelines.budget.simulation import depths

RIGHT: Outcome = "correct"
WRONG: Outcome = "incorrect"


def subjects(count: int, levels: int = 2, templates: int = 4) -> list[SimulatedProblem]:
    return [SimulatedProblem(f"p{n:03}", n % levels + 1, f"t{n % templates}") for n in range(count)]


def observe(
    rng: np.random.Generator, some: Sequence[SimulatedProblem], rates: dict[str, float], draws: int = 8
) -> list[Observation]:
    return [Observation(subject, answers(rng, rates[subject.problem_id], draws)) for subject in some]


def answers(rng: np.random.Generator, rate: float, draws: int) -> list[SimulatedSample]:
    right = rng.random(draws) < rate
    lengths = rng.integers(20, 40, draws)
    pairs = zip(right, lengths, strict=True)
    return [
        SimulatedSample(RIGHT, int(rng.integers(1000)), int(n)) if good else SimulatedSample(WRONG, None, 60)
        for good, n in pairs
    ]


def question(some: Sequence[SimulatedProblem], budget: object, **more: object) -> Question:
    return Question(budget, [ForecastProblem(subject, {"": 10}) for subject in some], **({"simulations": 30} | more))  # type: ignore[arg-type]


def test_a_fixed_budget_is_forecast_exactly_in_what_chance_does_not_touch() -> None:
    some = subjects(12)
    rng = np.random.default_rng(0)
    evidence = observe(rng, some[:6], dict.fromkeys((subject.problem_id for subject in some), 0.5))
    predictions = forecast(question(some, Fixed(initial=4), units={"": lambda tokens_in, _: tokens_in}), evidence)
    assert predictions["draws"].low95 == predictions["draws"].high95 == 48
    assert predictions["tokens_in"].median == predictions["units"].median == 480
    assert predictions["tokens_out"].low95 < predictions["tokens_out"].median < predictions["tokens_out"].high95
    assert predictions["level.1.draws"].median == 24
    assert predictions["level.1.capped"].median == 1.0


def test_easy_and_hard_levels_are_told_apart() -> None:
    some = subjects(40)
    rates = {subject.problem_id: 0.95 if subject.level == 1 else 0.05 for subject in some}
    evidence = observe(np.random.default_rng(0), some[:20], rates)
    ask = question(some, DarsUniform(initial=4, target=3, cap=12), kept=lambda _, distinct: min(distinct, 3))
    predictions = forecast(ask, evidence)
    assert predictions["level.1.pass_rate"].low95 > predictions["level.2.pass_rate"].high95
    assert predictions["level.1.met"].low95 > 0.8
    assert predictions["level.2.capped"].low95 > 0.5
    assert predictions["level.1.kept"].median > predictions["level.2.kept"].high95
    assert predictions["level.2.draws"].median > 1.5 * predictions["level.1.draws"].median


def test_the_same_seed_gives_the_same_forecast() -> None:
    some = subjects(8)
    evidence = observe(np.random.default_rng(0), some[:4], dict.fromkeys((subject.problem_id for subject in some), 0.4))
    ask = question(some, DarsUniform(initial=2, target=2, cap=8))
    assert forecast(ask, evidence) == forecast(ask, evidence)
    assert forecast(ask, evidence) != forecast(question(some, DarsUniform(initial=2, target=2, cap=8), seed=1), evidence)


@pytest.mark.parametrize("name", sorted(BUDGETS))
def test_every_budget_of_the_registry_can_be_forecast(name: str) -> None:
    if name == "router":
        return  # it needs steps: test_forecast_with_steps.py
    some = subjects(6)
    evidence = observe(np.random.default_rng(0), some, dict.fromkeys((subject.problem_id for subject in some), 0.5), 4)
    predictions = forecast(question(some, BUDGETS[name](), simulations=3), evidence)
    assert predictions["draws"].median >= 6 * BUDGETS[name]().prefix


def test_a_user_s_own_budget_can_be_forecast() -> None:
    class UntilOneIsRight:
        name, version, prefix, estimator = "until-one", "1", 1, "path_counting"

        def plan(self, _round: int, tallies: Sequence[Tally]) -> RoundPlan:
            wanting = [tally for tally in tallies if not tally.correct and tally.drawn < 5]
            stops = [Stop(tally.problem_id, "right") for tally in tallies if tally.correct]
            return RoundPlan(tuple(Draw(one.problem_id, one.drawn, 1) for one in wanting), tuple(stops))

    some = subjects(10)
    evidence = observe(np.random.default_rng(0), some, dict.fromkeys((subject.problem_id for subject in some), 1.0))
    predictions = forecast(question(some, UntilOneIsRight()), evidence)
    assert 10 <= predictions["draws"].median <= 12


def test_a_model_that_says_one_thing_only_meets_no_quota_of_distinct_answers() -> None:
    some = subjects(10, levels=1)
    same = [Observation(subject, [SimulatedSample(RIGHT, "same", 5)] * 8) for subject in some]
    differing = [Observation(subject, [SimulatedSample(RIGHT, n, 5) for n in range(8)]) for subject in some]
    ask = question(some, DarsUniform(initial=2, target=4, cap=16))
    assert forecast(ask, same)["level.1.met"].high95 < 0.3
    assert forecast(ask, differing)["level.1.met"].low95 > 0.7


def test_undecided_answers_are_expected_as_often_as_they_came() -> None:
    some = subjects(10, levels=1)
    evidence = [
        Observation(subject, [SimulatedSample("undecided", None, 5), SimulatedSample(WRONG, None, 5)] * 4)
        for subject in some
    ]
    ask = question(some, Fixed(initial=40))
    ended = simulate_run(
        ask, PosteriorPredictive([problem.subject for problem in ask.problems], evidence).draw(np.random.default_rng(0))
    )
    assert 140 <= sum(outcome.prefix_judged for outcome in ended) <= 260  # of 400


@pytest.mark.filterwarnings("error")
def test_right_answers_that_were_cut_off_are_right_and_show_no_solution() -> None:
    """A model that says one thing only meets no quota of distinct answers, cut off or not."""
    some = subjects(10, levels=1)
    cut = [Observation(subject, [SimulatedSample(RIGHT, None, 5)] * 8) for subject in some[:5]]
    same = [Observation(subject, [SimulatedSample(RIGHT, "same", 5)] * 8) for subject in some[5:]]
    ask = question(some, DarsUniform(initial=2, target=4, cap=16))
    forecasted = forecast(ask, [*cut, *same])
    assert forecasted["level.1.met"].high95 < 0.4
    assert forecasted["level.1.pass_rate"].median > 0.9


def test_a_level_without_evidence_borrows_that_of_all_levels() -> None:
    some = subjects(8, levels=2)
    rates = dict.fromkeys((subject.problem_id for subject in some), 1.0)
    evidence = observe(np.random.default_rng(0), [subject for subject in some if subject.level == 1], rates)
    assert forecast(question(some, Fixed(initial=4)), evidence)["level.2.pass_rate"].median > 0.8


@pytest.mark.integration
def test_intervals_of_totals_hold_as_often_as_they_say() -> None:
    """40 simulated runs, each with rates of its own, a pilot on half its problems and a forecast of the whole."""
    rng = np.random.default_rng(7)
    held: dict[str, list[tuple[bool, bool]]] = {}
    some = subjects(8, levels=1, templates=4)
    budget = DarsUniform(initial=2, target=2, cap=6)
    for number in range(40):
        rates = _rates(rng, some)
        ask = question(some, budget, simulations=39, seed=number)
        evidence = observe(rng, some[:4], rates, 6)
        totals = totals_of(simulate_run(ask, _truth(rng, rates)))
        actual = {name: totals[name] for name in ("draws", "tokens_out", "solved", "level.1.pass_rate")}
        for name, depth in depths(ask, evidence, actual, enough=4).items():
            held.setdefault(name, []).append((depth >= 4, depth >= 1))
    for name, pairs in held.items():
        share80, share95 = np.mean(pairs, axis=0)
        assert 0.65 <= share80 <= 1.0, (name, share80)  # counts are discrete: intervals hold a little more often
        assert 0.87 <= share95 <= 1.0, (name, share95)


def test_a_depth_says_what_the_intervals_of_39_simulations_hold() -> None:
    rng = np.random.default_rng(7)
    some = subjects(8, levels=1, templates=4)
    ask = question(some, DarsUniform(initial=2, target=2, cap=6), simulations=39)
    evidence = observe(rng, some[:4], _rates(rng, some), 6)
    interval = forecast(ask, evidence)["tokens_out"]
    for actual in (
        interval.low95 - 1,
        interval.low95,
        interval.low80 - 0.5,
        interval.low80,
        interval.high80,
        interval.high95,
        interval.high95 + 1,
    ):
        [depth] = depths(ask, evidence, {"tokens_out": actual}, enough=4).values()
        assert (depth >= 1) == (interval.low95 <= actual <= interval.high95)
        assert (depth >= 4) == (interval.low80 <= actual <= interval.high80)


def _rates(rng: np.random.Generator, some: Sequence[SimulatedProblem]) -> dict[str, float]:
    mean = rng.uniform(0.2, 0.8)
    templates = {f"t{n}": rng.beta(6 * mean, 6 * (1 - mean)) for n in range(4)}
    means = {subject.problem_id: templates[str(subject.template)] for subject in some}
    return {key: float(rng.beta(4 * m, 4 * (1 - m))) for key, m in means.items()}


def _truth(rng: np.random.Generator, rates: dict[str, float]) -> Callable[[Draw], Sequence[SimulatedSample]]:
    return lambda draw: answers(rng, rates[draw.problem_id], draw.count)
