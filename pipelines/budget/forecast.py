"""What a budget will draw, spend and keep: it is run many times over outcomes drawn from what a pilot showed.

Evidence (a pilot, or the fixed prefixes of past runs) -> worlds that it allows (worlds.py; with arms joint_worlds.py) ->
the recipe's own budget run on outcomes drawn from one such world, again and again -> predictive distributions. Any budget
works, as all are pure planners over tallies. Knows no workspace; the same evidence and seed give the same forecast.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pipelines.budget.joint_worlds import JointWorlds
from pipelines.budget.simulate import Round, Source, Subject, run_budget
from pipelines.budget.tallies import PrefixTally
from pipelines.budget.worlds import Level, Observed, Worlds
from pipelines.protocols import Budget
from pipelines.stats import Prediction, prediction_of


class Asked(NamedTuple):
    """A problem of the recipe and the tokens of its prompt, by arm; the only way's name is ""."""

    subject: Subject
    tokens_in: Mapping[str, int]


class Ended(NamedTuple):
    """What became of one problem, simulated or real. `kept`, `seconds`, `units` (money) None: not known."""

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a budget over these problems. `kept`: of (correct, distinct) answers, how many a selector keeps;
    `units`: by arm, of (tokens in, tokens out) their price; none where it is not known. `arms`: their names, in order,
    where the recipe has some; `rates`: tokens out per second, by arm, of those that are known.
    """

    budget: Budget
    problems: Sequence[Asked]
    kept: Callable[[int, int], int] | None = None
    units: Mapping[str, Callable[[int, int], int]] = field(default_factory=dict)
    simulations: int = 200
    seed: int = 0
    arms: Sequence[str] = ()
    rates: Mapping[str, float] = field(default_factory=dict)


def forecast(question: Question, evidence: Sequence[Observed] | Mapping[str, Sequence[Observed]]) -> dict[str, Prediction]:
    """Predictive distributions by quantity (`totals_of` names them). Evidence by arm: a recipe with arms."""
    found: dict[str, list[float]] = {}
    subjects = [one.subject for one in question.problems]
    worlds = JointWorlds(subjects, evidence) if isinstance(evidence, Mapping) else Worlds(subjects, evidence)
    for number in range(question.simulations):
        ended = simulated(question, worlds.draw(np.random.default_rng([question.seed, number])))
        for name, value in totals_of(ended).items():
            found.setdefault(name, []).append(value)
    return {name: prediction_of(values) for name, values in found.items() if len(values) == question.simulations}


def simulated(question: Question, source: Source) -> list[Ended]:
    """One run of the budget over a source, problem by problem."""
    stops: dict[str, str] = {}
    last: Round | None = None
    for last in run_budget(question.budget, [one.subject for one in question.problems], source, question.arms):
        stops.update((stop.problem_id, stop.reason) for stop in last.plan.stops)
    assert last is not None
    sizes = {one.subject.problem_id: one.tokens_in for one in question.problems}
    return [_ended(question, tally, sizes[tally.problem_id], stops.get(tally.problem_id)) for tally in last.tallies]


def _ended(question: Question, tally: PrefixTally, sizes: Mapping[str, int], stop: str | None) -> Ended:
    drawn = {arm.name: arm.drawn for arm in tally.arms} or {"": tally.drawn}
    kept = None if question.kept is None else question.kept(tally.correct, tally.distinct_correct)
    tokens_in = {arm: count * sizes[arm] for arm, count in drawn.items()}
    ended = ended_of(tally, tokens_in, stop, kept, question.units)
    tokens = {arm: count for arm, count in tokens_out_of(tally).items() if count}
    if not tokens.keys() <= question.rates.keys():
        return ended
    return ended._replace(seconds=sum(count / question.rates[arm] for arm, count in tokens.items()))


def ended_of(
    tally: PrefixTally,
    tokens_in: Mapping[str, int],
    stop: str | None,
    kept: int | None,
    units: Mapping[str, Callable[[int, int], int]],
) -> Ended:
    """What a last tally says; `tokens_in`: sent in all, by arm. Seconds are not known."""
    out = tokens_out_of(tally)
    return Ended(
        tally.level,
        tally.drawn,
        tally.correct,
        tally.distinct_correct,
        sum(tokens_in[arm] for arm in out),
        tally.tokens,
        tally.prefix_judged,
        tally.prefix_correct,
        stop,
        kept,
        units=sum(units[arm](tokens_in[arm], tokens) for arm, tokens in out.items()) if units else None,
    )


def tokens_out_of(tally: PrefixTally) -> dict[str, int]:
    """Tokens drawn by arm; "" where the recipe has none."""
    return {arm.name: arm.tokens for arm in tally.arms} or {"": tally.tokens}


def totals_of(problems: Sequence[Ended]) -> dict[str, float]:
    """The quantities that are forecast and scored: totals, and by level `level.3.pass_rate`, `level.3.met` and so on.

    `pass_rate`: mean over problems of correct/judged in the fixed prefix. `met`, `capped`, `hopeless`: shares of problems
    that stopped for this reason. `units`: money.
    """
    found = _sums(problems)
    seconds = [one.seconds for one in problems if one.seconds is not None]
    if len(seconds) == len(problems):
        found["seconds"] = sum(seconds)
    units = [one.units for one in problems if one.units is not None]
    if len(units) == len(problems):
        found["units"] = sum(units)
    for level in sorted({one.level for one in problems}, key=lambda level: (level is None, level)):
        members = [one for one in problems if one.level == level]
        found |= {f"level.{level}.{name}": value for name, value in {**_sums(members), **_shares(members)}.items()}
    return found


def _sums(problems: Sequence[Ended]) -> dict[str, float]:
    tokens_in, tokens_out = sum(one.tokens_in for one in problems), sum(one.tokens_out for one in problems)
    sums: dict[str, float] = {
        "draws": sum(one.drawn for one in problems),
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "tokens": tokens_in + tokens_out,
        "solved": sum(one.correct > 0 for one in problems),
    }
    kept = [one.kept for one in problems if one.kept is not None]
    return {**sums, "kept": sum(kept)} if len(kept) == len(problems) else sums


def _shares(problems: Sequence[Ended]) -> dict[str, float]:
    rates = [one.prefix_correct / one.prefix_judged for one in problems if one.prefix_judged]
    reasons = {"met": "target_met", "capped": "trial_cap", "hopeless": "hopeless"}
    shares = {name: sum(one.stop == reason for one in problems) / len(problems) for name, reason in reasons.items()}
    return {**shares, "pass_rate": float(np.mean(rates))} if rates else shares
