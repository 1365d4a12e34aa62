"""Pass rates of runs whose budget stopped each problem by its own count of correct answers: path counting over all draws.

Beside the rates of the fixed prefix, which hold for every budget, a budget that declares `estimator = "path_counting"` and
gives its `rule` and `cap` allows an unbiased rate from everything drawn (`rollmill.stats.path_counts`). The
pooled c/n of such draws is biased and is never shown. Undecided completions count as not correct here, as they did for the
rule.
"""

from collections.abc import Iterable
from typing import Any

from rollmill.ground.ids import digits
from rollmill.ground.pool import Group
from rollmill.metrics.counts import Counts
from rollmill.roles.protocols import StoppingBudget
from rollmill.stats import path_counting_rate, path_counts, population_mean

ESTIMAND = "mean chance of a correct answer of problems from these templates"
METHOD = "path counting over all draws; undecided count as not correct"


def path_counted(counts: Counts, budget: StoppingBudget) -> dict[str, Any]:
    """Rates by level and over all; `counts` are of every rollout, none of them left out."""
    points = list(zip(counts.rollouts.tolist(), counts.correct.tolist(), strict=True))
    paths = path_counts(budget.rule, cap=budget.cap, wanted=frozenset(points))
    rates = (path_counting_rate(drawn, correct, paths) for drawn, correct in points)
    rows = zip(counts.groups["level"], counts.clusters, rates, strict=True)
    stopped = [(level, cluster, rate) for level, cluster, rate in rows if rate is not None]
    levels = sorted({level for level, _, _ in stopped if isinstance(level, int)})
    return {
        "method": METHOD,
        "overall": _mean(stopped),
        "levels": {str(level): _mean(row for row in stopped if row[0] == level) for level in levels},
    }


def _mean(problems: Iterable[tuple[Group, Group, float]]) -> dict[str, Any]:
    members = list(problems)
    mean = population_mean([rate for *_, rate in members], [cluster for _, cluster, _ in members], estimand=ESTIMAND)
    ends = (None, None, None) if mean is None else (digits(mean.value), digits(mean.low), digits(mean.high))
    return {"problems": len(members), **dict(zip(("pass_rate", "low", "high"), ends, strict=True))}
