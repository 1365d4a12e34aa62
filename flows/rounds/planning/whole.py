"""Forecast of all draws and verdicts of a run, made once a round while it is planned.

The budget is simulated to its end (rollmill.pipelines.budget.forecasts.whole_run), with the follow-ups of its draws
(rollmill.steps.to_come). No row depends on it: an error here is reported once, and the run continues.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import answer_count
from rollmill.flows.rounds.spec import RunSpec
from rollmill.ground.records import PlanRow
from rollmill.pipelines.budget.forecasts.whole_run import ended_runs
from rollmill.roles.tallies import PrefixTally
from rollmill.stats import prediction_of
from rollmill.steps.census import Census, EqualDraws
from rollmill.steps.to_come import Counts, FollowUpsToCome, TooLittleSeenError
from rollmill.storage.segments.rows import Rows

FORECAST_SHARE = 0.05  # of a round's time that the forecast of the whole run may take
LEAST_FORECAST, MOST_FORECAST = 0.02, 2.0  # seconds
LEAST = 8  # simulations below which there is no interval
SHOWN = 300  # letters of what a budget raised
Whole = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class PastRounds:
    """Draws of the earlier rounds: their rows, the tokens of each step, and the census of possible follow-ups."""

    rows: Rows[PlanRow]
    tokens: Mapping[str, int]
    census: Census | None


@dataclass(frozen=True, slots=True)
class RestOfRun:
    """Draws of one simulation on each step, from this round on."""

    draws: Mapping[str, int]

    def rows(self, steps: Collection[str] | None = None) -> int:
        """Number of rows on these steps, or on all."""
        return sum(count for step, count in self.draws.items() if steps is None or step in steps)


def whole_of(run: OpenRun, r: int, tallies: Sequence[PrefixTally], past: PastRounds) -> Whole | None:
    """Rows of the whole run by stage (median, low, high), including the current plan; None if it cannot be estimated."""
    try:
        simulations = list(simulated_remainders(run.spec, r, tallies, past.census, _seconds(run)))
    except TooLittleSeenError:
        return None
    except Exception as error:  # a budget of a user's own may not take made-up tallies; no row depends on this
        text = f"time left is not forecast: budget {run.spec.budget.name!r} raised {type(error).__name__}: {error}"
        run.memory.unforecast = run.memory.unforecast or " ".join(text.split())[:SHOWN]
        return None
    if not simulations or (len(simulations) < LEAST and len({tuple(rest.draws.items()) for rest in simulations}) > 1):
        return None
    judged = answer_count(run.spec, [past.rows])
    return {
        "draw": _stage(len(past.rows), [rest.rows() for rest in simulations]) | _weight(simulations, past),
        "verify": _stage(judged, [rest.rows(run.spec.graph.answers) for rest in simulations]),
    }


def _stage(drawn: int, rests: Sequence[int]) -> dict[str, Any]:
    prediction = prediction_of([float(drawn + rest) for rest in rests])
    return {"median": prediction.median, "low": prediction.low95, "high": prediction.high95}


def _weight(rests: Sequence[RestOfRun], past: PastRounds) -> dict[str, Any]:
    """Relative duration of a future row against a past one, by tokens, at the median and both ends of the interval.

    Empty where one step makes all draws.
    """
    drawn = Counter(past.rows.column("step").to_pylist())
    if len(drawn) <= 1 or not sum(past.tokens.values()):
        return {}
    mean = sum(past.tokens.values()) / sum(drawn.values())
    of = {step: past.tokens.get(step, 0) / count / mean for step, count in drawn.items()}
    work = prediction_of([float(sum(count * of.get(step, 1.0) for step, count in rest.draws.items())) for rest in rests])
    rows = prediction_of([float(rest.rows()) for rest in rests])
    ends = {"median": (work.median, rows.median), "low": (work.low95, rows.low95), "high": (work.high95, rows.high95)}
    return {"weight": {name: part / whole if whole else 1.0 for name, (part, whole) in ends.items()}}


def simulated_remainders(
    spec: RunSpec, r: int, tallies: Sequence[PrefixTally], census: Census | None, seconds: float
) -> Iterator[RestOfRun]:
    """Simulations of the drawing from round r on, as many as `seconds` allow. TooLittleSeenError: nothing can be said.

    Uses a copy of the budget, which may remember its calls.
    """
    names = [tally.problem_id for tally in tallies]
    to_come = None if census is None else FollowUpsToCome(census, names)
    for number, ended in enumerate(ended_runs(deepcopy(spec.budget), tallies, r, seconds)):
        roots = dict(_new_roots(spec, tallies, ended))
        drawn = {kind: int(count.sum()) for kind, count in roots.items()}
        if to_come is None:
            draws: Counter[str] = Counter()
            for kind, count in drawn.items():
                draws[kind.step] += count
            yield RestOfRun(dict(draws))
        else:
            every = to_come.simulate(np.random.default_rng([number, r]), roots)
            yield RestOfRun({step: int(count.sum()) for step, count in every.items()})


def _new_roots(
    spec: RunSpec, before: Sequence[PrefixTally], ended: Collection[PrefixTally]
) -> Iterator[tuple[EqualDraws, Counts]]:
    """Draws of a simulation on each root from this round on, by outcome."""
    after = {tally.problem_id: tally for tally in ended}
    now, then = list(before), [after[tally.problem_id] for tally in before]
    for place, root in enumerate(spec.roots):
        counts = [tally.steps[place] if spec.routed else tally for tally in now]
        later = [tally.steps[place] if spec.routed else tally for tally in then]
        drawn = np.array([new.drawn - old.drawn for new, old in zip(later, counts, strict=True)], np.int64)
        right = np.array([new.correct - old.correct for new, old in zip(later, counts, strict=True)], np.int64)
        if spec.judged(root.name):
            yield EqualDraws(root.name, right=True), right
            yield EqualDraws(root.name, right=False), drawn - right
        else:
            yield EqualDraws(root.name), drawn


def _seconds(run: OpenRun) -> float:
    """A small share of the previous round's time, so that the forecast does not delay the run."""
    before, run.memory.planned_at = run.memory.planned_at, time.monotonic()
    took = 0.0 if before is None else run.memory.planned_at - before
    return min(MOST_FORECAST, max(LEAST_FORECAST, FORECAST_SHARE * took))
