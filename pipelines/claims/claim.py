"""Claim and finding, and the rules that turn measurements into a status, the same for all claims.

A claim is `reproduced` when each of its effects is. An effect is when the mean over seeds is on the predicted side of its
tolerance, at least four seeds of five are, and the 95% t interval over seeds excludes the opposite (one seed: the interval
over clusters of problems within it). An effect is `contradicted` if its interval excludes the prediction, and a claim is if
one of its effects is. All else is `inconclusive`, and says which condition failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rollmill.ground.formats.rate_texts import interval_text
from rollmill.pipelines.claims.effects import Effect, EffectPrediction

if TYPE_CHECKING:
    from rollmill.pipelines.claims.evidence import Evidence
    from rollmill.stats import Estimate

Board = Literal["numbers", "mechanisms", "checks"]
Status = Literal["reproduced", "contradicted", "inconclusive", "not measured"]
LEAST_SEEDS = 0.8  # the share of the seeds that must be as predicted
CLOSE = 0.05  # half of the widest interval that can reproduce a published number


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim. `pools`: names of the pools on which it is measured; empty: a simulation, whose distribution is given in
    `statement`.

    `says`: the paper's own sentence; "" if the claim is ours. `board`: `mechanisms`, or `checks` if mathematics or the
    simulated distribution forces the effect, so that the check tests our code and not the paper. `measure`: computes one
    effect for each of `expected`, in that order. `least`: completions that it needs of each problem. `recorded`: True for
    recorded rollouts, which cannot be drawn again, so there is one pool and no seeds. `reach`: limits of the check.
    """

    name: str
    source: str
    statement: str
    expected: tuple[EffectPrediction, ...]
    measure: Callable[["Evidence"], Sequence[Effect]]
    reach: str
    says: str = ""
    board: Board = "mechanisms"
    pools: tuple[str, ...] = ()
    least: int = 8
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class ClaimFinding:
    """An effect over all seeds. `met`: the number of seeds in which it is as predicted; `why`: the failure, "" if there
    is none.
    """

    expected: EffectPrediction
    value: float
    low: float | None
    high: float | None
    met: int
    seeds: int
    n: int
    why: str
    status: Status


def finding(expected: EffectPrediction, effects: Sequence[Effect]) -> ClaimFinding:
    """An effect over its seeds; `effects` has one per seed, at least one."""
    values = [effect.value for effect in effects]
    mean = sum(values) / len(values)
    low, high = _interval(effects)
    met = sum(map(expected.allows, values))
    reasons = []
    if not expected.allows(mean):
        reasons.append(f"{mean:+.3f} is not {expected.words}")
    if met < LEAST_SEEDS * len(values):
        reasons.append(f"as predicted in {met} of {len(values)} seeds")
    if low is not None and high is not None and not expected.excludes_the_opposite(low, high):
        reasons.append(f"the interval {interval_text(low, high, '+')} does not exclude the opposite")
    refuted = low is not None and high is not None and expected.is_excluded_by(low, high)
    outcome: Status = "reproduced" if not reasons else "contradicted" if refuted else "inconclusive"
    n = sum(effect.n for effect in effects)
    return ClaimFinding(expected, mean, low, high, met, len(values), n, "; ".join(reasons), outcome)


def _interval(effects: Sequence[Effect]) -> tuple[float | None, float | None]:
    """Over seeds; over the clusters within the one seed there is. Equal effects in all seeds leave no doubt to bound."""
    if len(effects) == 1:
        return effects[0].low, effects[0].high
    values = [effect.value for effect in effects]
    if max(values) == min(values):
        return values[0], values[0]
    from rollmill.stats import cluster_mean

    estimate = cluster_mean(values, estimand="mean effect over seeds")
    assert estimate is not None  # there are values
    return estimate.low, estimate.high


def findings(claim: Claim, seeds: Sequence[Sequence[Effect]]) -> list[ClaimFinding]:
    """Every effect of a claim; `seeds`: what `claim.measure` gave, seed by seed."""
    return [finding(expected, [effects[at] for effects in seeds]) for at, expected in enumerate(claim.expected)]


def status(effects: Sequence[ClaimFinding]) -> Status:
    """Status of a claim from its effects; a claim without effects was not measured."""
    if not effects:
        return "not measured"
    statuses = {effect.status for effect in effects}
    return "contradicted" if "contradicted" in statuses else "inconclusive" if "inconclusive" in statuses else "reproduced"


def number_status(estimate: "Estimate", published: float | None, unit: float, *, difference: bool = False) -> Status:
    """Status of a published number, by whether our interval contains a value that rounds to it.

    An interval that holds it and is wider than 5 points to a side, or of a difference holds 0 too, could hold much else:
    `inconclusive`. `published` None: the paper says only that the difference is positive.
    """
    if published is None:
        return "reproduced" if estimate.low > 0.0 else "contradicted" if estimate.high < 0.0 else "inconclusive"
    half = unit / 2.0
    if estimate.low > published + half or estimate.high < published - half:
        return "contradicted"
    wide = (estimate.high - estimate.low) / 2.0 > CLOSE or (difference and estimate.low <= 0.0 <= estimate.high)
    return "inconclusive" if wide else "reproduced"
