"""Findings on predicted effects, and the rules that turn measurements into a status, the same for studies and for claims.

An effect is `reproduced` when its mean over seeds is on the predicted side of its tolerance, at least four seeds of five
are, and the 95% t interval over seeds excludes the opposite (one seed: the interval over clusters of problems within it).
It is `contradicted` if its interval excludes the prediction. All else is `inconclusive`, and says which condition failed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rollmill.flows.studies.effects import Effect, EffectPrediction
from rollmill.ground.formats.rate_texts import interval_text

Status = Literal["reproduced", "contradicted", "inconclusive", "not measured"]
LEAST_SEEDS = 0.8  # the share of the seeds that must be as predicted


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


def status(effects: Sequence[ClaimFinding]) -> Status:
    """Status of a claim from its effects; a claim without effects was not measured."""
    if not effects:
        return "not measured"
    statuses = {effect.status for effect in effects}
    return "contradicted" if "contradicted" in statuses else "inconclusive" if "inconclusive" in statuses else "reproduced"
