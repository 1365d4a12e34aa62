"""Result of a sweep: each step on the half that chose, and the chosen step beside the default on the half that reports.

The chosen step looks better where it was chosen than it is (the winner's curse), so its gain over the default is stated
only on the other half, with the interval of a paired test over clusters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rollmill.pipelines.budget.halves import cluster_of, halves_of
from rollmill.pipelines.budget.routing import steps_of
from rollmill.pipelines.budget.sweep import SweepBudget, judged_of, names_of
from rollmill.roles.tallies import StepTally, Tally
from rollmill.stats import Estimate, PairedTest, paired_test, population_mean
from rollmill.stats.clusters.intervals import mover_sum

RATE = "mean pass rate of the population of problems"
CURSE = "pass rate of the chosen step on the half that chose it minus that on the half that reports"


@dataclass(frozen=True, slots=True)
class SweptStep:
    """A step on some problems: how many were judged, its completions, rate and tokens of a completion.

    `front`: no other step has at least its rate for at most its tokens. Rate and tokens are None without a judged problem.
    """

    step: str
    problems: int
    completions: int
    rate: Estimate | None
    tokens: float | None
    front: bool = False

    @property
    def per_kilotoken(self) -> float | None:
        """Right answers per 1,000 tokens."""
        return 1000 * self.rate.value / self.tokens if self.rate is not None and self.tokens else None


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Result of a sweep. `steps`: all steps on the half that chose, the chosen one first. `reported`: the chosen step and
    the default on the other half.

    `seen_gain`: gain over the default on the problems of the first half for which both drew. `gain`: gain on the other
    half, with its test. Both are None if the default was chosen. `curse`: rate of the chosen step on the half that chose,
    minus its rate on the other half.
    """

    steps: tuple[SweptStep, ...]
    chosen: str
    default: str
    reported: tuple[SweptStep, ...]
    seen_gain: float | None
    gain: PairedTest | None
    curse: Estimate | None


def sweep_result(budget: SweepBudget, tallies: Sequence[Tally]) -> SweepResult:
    """The result from the tallies of a run whose drawing is over."""
    halves = halves_of(tallies, budget.salt)
    names, order, default = names_of(halves), budget.order(halves), budget.default_of(halves)
    chosen = order[0]
    places = {name: names.index(name) for name in names}
    steps = _with_front([_swept(halves.choose, name, places[name]) for name in order])
    # One row where the default itself was chosen.
    reported = tuple(_swept(halves.report, name, places[name]) for name in dict.fromkeys((chosen, default)))
    seen_gain = gain = None
    if chosen != default:
        sides = places[default], places[chosen]
        before, after, _ = _paired(halves.choose, *sides)
        seen_gain = math.fsum(after) / len(after) - math.fsum(before) / len(before) if before else None
        gain = paired_test(*_paired(halves.report, *sides))
    judged = [tally for half in halves for tally in half if judged_of(steps_of(tally)[places[chosen]])]
    curse = _curse(steps[0].rate, reported[0].rate, len({cluster_of(tally) for tally in judged}))
    return SweepResult(steps, chosen, default, reported, seen_gain, gain, curse)


def _swept(tallies: Sequence[Tally], name: str, place: int) -> SweptStep:
    judged = [(tally, step) for tally in tallies if judged_of(step := steps_of(tally)[place])]
    rates = [_rate(step) for _, step in judged]
    drawn = sum(step.drawn for _, step in judged)
    tokens = sum(step.tokens for _, step in judged) / drawn if drawn else None
    rate = population_mean(rates, [cluster_of(tally) for tally, _ in judged], estimand=RATE)
    return SweptStep(name, len(judged), drawn, rate, tokens)


def _with_front(steps: Sequence[SweptStep]) -> tuple[SweptStep, ...]:
    """The steps, with those marked that no other one beats in rate and tokens."""
    # Tokens are negated, so that more is better in both numbers.
    points = {step.step: (step.rate.value, -(step.tokens or 0.0)) for step in steps if step.rate is not None}

    def beaten(name: str) -> bool:
        rate, saved = points[name]
        return any(other != points[name] and other[0] >= rate and other[1] >= saved for other in points.values())

    return tuple(replace(step, front=step.step in points and not beaten(step.step)) for step in steps)


def _paired(tallies: Sequence[Tally], before: int, after: int) -> tuple[list[float], list[float], list[tuple[str, str]]]:
    """Rates of two steps on the problems that both have judged completions of, and the clusters of these problems."""
    both = [(tally, steps_of(tally)[before], steps_of(tally)[after]) for tally in tallies]
    judged = [(tally, early, late) for tally, early, late in both if judged_of(early) and judged_of(late)]
    return (
        [_rate(early) for _, early, _ in judged],
        [_rate(late) for _, _, late in judged],
        [cluster_of(tally) for tally, _, _ in judged],
    )


def _rate(step: StepTally) -> float:
    return step.correct / judged_of(step)


def _curse(seen: Estimate | None, reported: Estimate | None, clusters: int) -> Estimate | None:
    """The difference of two rates on different problems; its interval joins theirs as if they were independent.

    Fewer than four templates are in both halves. Their rates then rise and fall together, and the interval is too wide.
    """
    if seen is None or reported is None:
        return None
    value, low, high = mover_sum([(sign, (rate.value, rate.low, rate.high)) for sign, rate in ((1, seen), (-1, reported))])
    return Estimate(value, low, high, seen.n + reported.n, clusters, "MOVER of the two rates' intervals", CURSE)
