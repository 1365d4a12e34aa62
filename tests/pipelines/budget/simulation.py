"""Bernoulli problems that are drawn as a budget says; every rule of a plan is checked on the way."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.pipelines.budget.forecasts.forecast import Question, simulate_run, totals_of
from rollmill.pipelines.budget.forecasts.posterior_predictive import (
    JointPosteriorPredictive,
    Observation,
    PosteriorPredictive,
)
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample, run_budget
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import Draw, PrefixTally, Stop


@dataclass(frozen=True)
class Simulated:
    """What a budget led to, by problem."""

    drawn: Mapping[str, int]
    distinct: Mapping[str, int]
    reasons: Mapping[str, str]
    rounds: int
    tallies: tuple[PrefixTally, ...]
    stops: Mapping[str, Stop]
    continued: Mapping[str, Stop]


def simulate(
    budget: Budget,
    rates: Mapping[str, float],
    seed: int = 0,
    *,
    wordings: int = 1000,
    subjects: Mapping[str, SimulatedProblem] | None = None,
) -> Simulated:
    """Draw round after round until the budget is done; correct answers come in so many wordings, in 10 tokens each."""
    rng = random.Random(seed)
    stops: dict[str, Stop] = {}
    continued: dict[str, Stop] = {}

    def outcomes(draw: Draw) -> list[SimulatedSample]:
        rate = rates[draw.problem_id]
        hits = [rng.randrange(wordings) if rng.random() < rate else -1 for _ in range(draw.count)]
        return [SimulatedSample("correct", hit, 10) if hit >= 0 else SimulatedSample("incorrect", None, 10) for hit in hits]

    last = None
    for last in run_budget(budget, [(subjects or {}).get(key, SimulatedProblem(key)) for key in rates], outcomes):
        stops |= {stop.problem_id: stop for stop in last.plan.stops}
        continued |= {stop.problem_id: stop for stop in last.plan.continued}
        asked = [draw.problem_id for draw in last.plan.draws]
        assert asked == sorted(set(asked))
        assert not set(asked) & set(stops)
    assert last is not None
    tallies = tuple(last.tallies)
    return Simulated(
        {tally.problem_id: tally.drawn for tally in tallies},
        {tally.problem_id: tally.distinct_correct for tally in tallies},
        {key: stop.reason for key, stop in stops.items()},
        last.index,
        tallies,
        stops,
        continued,
    )


def tally(key: str, outcomes: list[int], initial: int) -> PrefixTally:
    """-1 is incorrect, anything else a correct answer in that wording."""
    correct = [outcome for outcome in outcomes if outcome >= 0]
    prefix = outcomes[:initial]
    return PrefixTally(
        problem_id=key,
        drawn=len(outcomes),
        correct=len(correct),
        incorrect=len(outcomes) - len(correct),
        distinct_correct=len(set(correct)),
        prefix_judged=len(prefix),
        prefix_correct=sum(outcome >= 0 for outcome in prefix),
    )


def until_target(target: int, cap: int, *, initial: int = 1, step: int = 1) -> Callable[[int, int], int]:
    """Draw `initial`, then `step` at a time, until `target` are correct or `cap` are drawn."""

    def rule(drawn: int, correct: int) -> int:
        if correct >= target or drawn >= cap:
            return 0
        return min(step if drawn else initial, cap - drawn)

    return rule


def depths(
    question: Question,
    evidence: Sequence[Observation] | Mapping[str, Sequence[Observation]],
    actual: Mapping[str, float],
    enough: int = 1,
) -> dict[str, int]:
    """How deep the actual total of each quantity lies among the simulated ones of `forecast`, counted from the nearer end.

    Of 39 simulations the 95% interval holds it from depth 1 on, the 80% interval from 4 on. Simulating ends once every
    quantity is `enough` deep, which further simulations do not undo.
    """
    subjects = [problem.subject for problem in question.problems]
    predictive: JointPosteriorPredictive | PosteriorPredictive
    if isinstance(evidence, Mapping):
        predictive = JointPosteriorPredictive(subjects, evidence)
    else:
        predictive = PosteriorPredictive(subjects, evidence)
    sides = {name: [0, 0] for name in actual}
    for number in range(question.simulations):
        totals = totals_of(simulate_run(question, predictive.draw(np.random.default_rng([question.seed, number]))))
        for name, (below, above) in sides.items():
            sides[name] = [below + (totals[name] <= actual[name]), above + (totals[name] >= actual[name])]
        if all(min(pair) >= enough for pair in sides.values()):
            break
    return {name: min(pair) for name, pair in sides.items()}
