"""The rule of difficulty: the pass rates of problems with kept rollouts lie within bounds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.gate.rules import GatePart, GateRule
from storage.ground.pool import KEPT, STATES, pool_of
from storage.ground.records import JUDGED


@dataclass(frozen=True, slots=True)
class RateBounds:
    """Bounds of a problem's pass rate, and the fewest judged completions behind it."""

    least: float = 0.0
    most: float = 1.0
    least_judged: int = 0


ANY_RATE = RateBounds()


def rate_rules(tables: Mapping[str, pa.Table], prefix: int | None, step: str, bounds: RateBounds) -> list[GateRule]:
    """Each problem with a kept rollout has a pass rate within the bounds, over the completions of the prefix; no rule
    without bounds. A problem without a rate is outside.
    """
    if bounds == ANY_RATE:
        return []
    pool = pool_of(tables["problems"], tables["completions"], tables["decisions"]).measured(prefix, step)
    size = len(pool.problems)
    judged = np.bincount(
        pool.problem[pool.in_prefix & np.isin(pool.outcome, [STATES.index(outcome) for outcome in JUDGED])], minlength=size
    )
    right = pool.in_prefix & (pool.outcome == STATES.index("correct"))
    correct = np.bincount(pool.problem[right], minlength=size)
    kept = np.unique(pool.problem[pool.kept == KEPT])
    enough = judged[kept] >= max(1, bounds.least_judged)
    rates = np.where(enough, correct[kept] / np.maximum(1, judged[kept]), -1.0)  # -1 is below every bound
    names = pa.array([pool.problems[place] for place in kept.tolist()], pa.string())
    outside = int(((rates < bounds.least) | (rates > bounds.most)).sum())
    count = f", of {bounds.least_judged} or more completions" if bounds.least_judged else ""
    parts = [GatePart(names, rates, least=max(0.0, bounds.least)), GatePart(names, rates, most=bounds.most)]
    expected = f"from {bounds.least:g} to {bounds.most:g}{count}"
    return [GateRule("pass rates", expected, parts, lambda _: f"{outside:,} of {len(kept):,} problems outside")]
