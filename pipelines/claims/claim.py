"""What a claim is, and the rule that turns its measured effects into a status, the same for all claims.

A claim is `reproduced` when each of its effects is. An effect is when the mean over seeds is on the predicted side of its
tolerance, at least four seeds of five are, and the 95% t interval over seeds excludes the opposite (one seed: the interval
over clusters of problems within it). All else that was measured is `not reproduced`, and says which of the three failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.claims.effects import Effect, Prediction
from pipelines.claims.evidence import Evidence
from pipelines.stats import cluster_mean

Status = Literal["reproduced", "not reproduced", "not testable here"]
LEAST_SEEDS = 0.8  # the share of the seeds that must be as predicted


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim. `pools`: the names of the pools it is measured on; none: a simulation whose law `statement` states.

    `measure` gives an effect for each of `expected`, in that order. `least`: completions of each problem that it needs.
    `recorded`: on rollouts that exist once, so it has one pool and no seeds. `reach`: what it cannot say.
    """

    name: str
    source: str
    statement: str
    expected: tuple[Prediction, ...]
    measure: Callable[[Evidence], Sequence[Effect]]
    reach: str
    pools: tuple[str, ...] = ()
    least: int = 8
    recorded: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One effect over all seeds. `met`: in how many of them it is as predicted; `why`: what failed, "" if nothing did."""

    expected: Prediction
    value: float
    low: float | None
    high: float | None
    met: int
    seeds: int
    n: int
    why: str

    @property
    def reproduced(self) -> bool:
        return not self.why


def finding(expected: Prediction, effects: Sequence[Effect]) -> Finding:
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
        reasons.append(f"the interval [{low:+.3f}, {high:+.3f}] does not exclude the opposite")
    n = sum(effect.n for effect in effects)
    return Finding(expected, mean, low, high, met, len(values), n, "; ".join(reasons))


def _interval(effects: Sequence[Effect]) -> tuple[float | None, float | None]:
    """Over seeds; over the clusters within the one seed there is. Equal effects in all seeds leave no doubt to bound."""
    if len(effects) == 1:
        return effects[0].low, effects[0].high
    values = [effect.value for effect in effects]
    if max(values) == min(values):
        return values[0], values[0]
    estimate = cluster_mean(values, estimand="mean effect over seeds")
    assert estimate is not None  # there are values
    return estimate.low, estimate.high


def findings(claim: Claim, seeds: Sequence[Sequence[Effect]]) -> list[Finding]:
    """Every effect of a claim; `seeds`: what `claim.measure` gave, seed by seed."""
    return [finding(expected, [effects[at] for effects in seeds]) for at, expected in enumerate(claim.expected)]


def status(effects: Sequence[Finding]) -> Status:
    """Of a claim by its effects; without any there was nothing to measure."""
    if not effects:
        return "not testable here"
    return "reproduced" if all(effect.reproduced for effect in effects) else "not reproduced"
