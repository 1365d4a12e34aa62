"""Forecast of a budget's draws, cost and kept rows: it is run many times over outcomes drawn from a pilot's posterior.

Evidence (a pilot, or the fixed prefixes of past runs) -> the posterior predictive distribution of outcomes
(posterior_predictive.py) -> the recipe's own budget run on outcomes of one draw from it, again and again -> predictive
distributions. Any budget works, as all are pure planners over tallies. The same evidence and seed give the same forecast.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from rollmill.pipelines.budget.forecasts.levels import Level
from rollmill.pipelines.budget.forecasts.posterior_predictive import (
    JointPosteriorPredictive,
    Observation,
    PosteriorPredictive,
)
from rollmill.pipelines.budget.forecasts.simulate import Round, SimulatedProblem, Source, run_budget
from rollmill.roles.protocols import Budget
from rollmill.roles.tallies import PrefixTally
from rollmill.stats import Prediction, prediction_of


class ForecastProblem(NamedTuple):
    """A problem of the recipe and the tokens of its prompt, by step; the only step's name is ""."""

    subject: SimulatedProblem
    tokens_in: Mapping[str, int]


class ProblemOutcome(NamedTuple):
    """Outcome of a problem, simulated or real. `kept`, `seconds`, `units` (money) None: not known."""

    level: Level
    drawn: int
    correct: int
    distinct: int
    tokens_in: int
    tokens_out: int
    prefix_judged: int
    prefix_correct: int
    stop: str | None
    kept: int | None
    seconds: float | None = None
    units: int | None = None
    roots: Mapping[str, tuple[int, int]] = {}
    """Numbers drawn and correct by step, if the budget chooses between steps."""


Continuation = Callable[[Sequence[ProblemOutcome], np.random.Generator], Sequence[ProblemOutcome]]
"""Adds to what became of each problem of a simulated run, in order of their ids."""


@dataclass(frozen=True, slots=True)
class Question:
    """Input of a forecast: a budget and the problems that it draws for. `kept`: function from (correct, distinct) to the
    number of answers that the selector keeps. `units`: by step, function from (tokens in, tokens out) to the price; empty
    if unknown. `steps`: names of the recipe's steps, in order. `rates`: tokens out per second by step, if known. `beside`:
    adds draws that the budget does not plan, such as follow-ups. `later`: gives the final correct answers, if the budget
    uses other verdicts.
    """

    budget: Budget
    problems: Sequence[ForecastProblem]
    kept: Callable[[int, int], int] | None = None
    units: Mapping[str, Callable[[int, int], int]] = field(default_factory=dict)
    simulations: int = 200
    seed: int = 0
    steps: Sequence[str] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    beside: Continuation | None = None
    later: Continuation | None = None


def forecast(
    question: Question, evidence: Sequence[Observation] | Mapping[str, Sequence[Observation]]
) -> dict[str, Prediction]:
    """Predictive distributions by quantity (`totals_of` names them). Evidence by step: a recipe with steps."""
    totals: dict[str, list[float]] = {}
    subjects = [problem.subject for problem in question.problems]
    predictive: PosteriorPredictive | JointPosteriorPredictive
    if isinstance(evidence, Mapping):
        predictive = JointPosteriorPredictive(subjects, evidence)
    else:
        predictive = PosteriorPredictive(subjects, evidence)
    for number in range(question.simulations):
        # A generator for each simulation: another number of simulations leaves the earlier ones as they are.
        outcomes = simulate_run(question, predictive.draw(np.random.default_rng([question.seed, number])))
        for name, value in totals_of(_continued(question, outcomes, number)).items():
            totals.setdefault(name, []).append(value)
    # A quantity that some simulated run lacks, such as a pass rate without a judged row, has no distribution.
    return {name: prediction_of(values) for name, values in totals.items() if len(values) == question.simulations}


def _continued(question: Question, outcomes: Sequence[ProblemOutcome], number: int) -> Sequence[ProblemOutcome]:
    """A simulated run with the draws outside its budget, and its final outcomes."""
    drawn = outcomes
    if question.beside is not None:
        drawn = question.beside(outcomes, np.random.default_rng([question.seed, number, 1]))
    if question.later is None:
        return drawn
    # The plan's own outcomes, not `drawn`: only what the budget planned is recounted by later verdicts.
    ended = question.later(outcomes, np.random.default_rng([question.seed, number, 2]))
    return [
        one._replace(
            correct=end.correct,
            distinct=end.distinct,
            prefix_judged=end.prefix_judged,
            prefix_correct=end.prefix_correct,
            kept=None if question.kept is None else question.kept(end.correct, end.distinct),
        )
        for one, end in zip(drawn, ended, strict=True)
    ]


def simulate_run(question: Question, source: Source) -> list[ProblemOutcome]:
    """Outcomes of one run of the budget over a source, problem by problem."""
    stops: dict[str, str] = {}
    last: Round | None = None
    for last in run_budget(question.budget, [problem.subject for problem in question.problems], source, question.steps):
        stops.update((stop.problem_id, stop.reason) for stop in last.plan.stops)
    assert last is not None
    sizes = {problem.subject.problem_id: problem.tokens_in for problem in question.problems}
    return [_simulated(question, tally, sizes[tally.problem_id], stops.get(tally.problem_id)) for tally in last.tallies]


def _simulated(question: Question, tally: PrefixTally, sizes: Mapping[str, int], stop: str | None) -> ProblemOutcome:
    drawn = {step.name: step.drawn for step in tally.steps} or {"": tally.drawn}
    kept = None if question.kept is None else question.kept(tally.correct, tally.distinct_correct)
    tokens_in = {step: count * sizes[step] for step, count in drawn.items()}
    outcome = outcome_of(tally, tokens_in, stop, kept, question.units)
    tokens = {step: count for step, count in _tokens_out(tally).items() if count}
    # Without the rate of one step the seconds are unknown; a sum over the others would be too low.
    if not tokens.keys() <= question.rates.keys():
        return outcome
    return outcome._replace(seconds=sum(count / question.rates[step] for step, count in tokens.items()))


def outcome_of(
    tally: PrefixTally,
    tokens_in: Mapping[str, int],
    stop: str | None,
    kept: int | None,
    units: Mapping[str, Callable[[int, int], int]],
) -> ProblemOutcome:
    """Outcome of a problem from its last tally; `tokens_in`: sent in all, by step. Seconds are not known."""
    out = _tokens_out(tally)
    return ProblemOutcome(
        tally.level,
        tally.drawn,
        tally.correct,
        tally.distinct_correct,
        sum(tokens_in[step] for step in out),
        tally.tokens,
        tally.prefix_judged,
        tally.prefix_correct,
        stop,
        kept,
        units=sum(units[step](tokens_in[step], tokens) for step, tokens in out.items()) if units else None,
        roots={step.name: (step.drawn, step.correct) for step in tally.steps},
    )


def _tokens_out(tally: PrefixTally) -> dict[str, int]:
    """Tokens drawn by step; "" if the recipe has none."""
    return {step.name: step.tokens for step in tally.steps} or {"": tally.tokens}


def totals_of(problems: Sequence[ProblemOutcome]) -> dict[str, float]:
    """The quantities that are forecast and scored: totals, and by level `level.3.pass_rate`, `level.3.met` and so on.

    `pass_rate`: mean over problems of correct/judged in the fixed prefix. `met`, `capped`, `hopeless`: shares of problems
    that stopped for this reason. `units`: money.
    """
    totals = _sums(problems)
    seconds = [problem.seconds for problem in problems if problem.seconds is not None]
    # A sum over some of the problems would read as a sum over all of them.
    if len(seconds) == len(problems):
        totals["seconds"] = sum(seconds)
    units = [problem.units for problem in problems if problem.units is not None]
    if len(units) == len(problems):
        totals["units"] = sum(units)
    # None cannot be compared with a number, so problems without a level come last.
    for level in sorted({problem.level for problem in problems}, key=lambda level: (level is None, level)):
        members = [problem for problem in problems if problem.level == level]
        totals |= {f"level.{level}.{name}": value for name, value in {**_sums(members), **_shares(members)}.items()}
    return totals


def _sums(problems: Sequence[ProblemOutcome]) -> dict[str, float]:
    tokens_in, tokens_out = sum(problem.tokens_in for problem in problems), sum(problem.tokens_out for problem in problems)
    sums: dict[str, float] = {
        "draws": sum(problem.drawn for problem in problems),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "tokens": tokens_in + tokens_out,
        "solved": sum(problem.correct > 0 for problem in problems),
    }
    kept = [problem.kept for problem in problems if problem.kept is not None]
    return {**sums, "kept": sum(kept)} if len(kept) == len(problems) else sums


def _shares(problems: Sequence[ProblemOutcome]) -> dict[str, float]:
    rates = [problem.prefix_correct / problem.prefix_judged for problem in problems if problem.prefix_judged]
    reasons = {"met": "target_met", "capped": "trial_cap", "hopeless": "hopeless"}
    shares = {name: sum(p.stop == reason for p in problems) / len(problems) for name, reason in reasons.items()}
    return {**shares, "pass_rate": float(np.mean(rates))} if rates else shares
