"""Pass rates of runs whose budget stopped each problem by its own count of correct answers: path counting over all draws.

Beside the rates of the fixed prefix, which hold for every budget (flows.curation.metrics), a budget that declares
`estimator = "path_counting"` and gives its `rule` allows an unbiased rate from everything drawn (pipelines.stats.
path_counting); the pooled c/n of such draws is biased, and is never shown. Undecided completions count as not correct here,
as they did for the rule. Where the accepting policy is not the one that the budget counted by, nothing is shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.stats import Estimate, path_counting_rate, path_counts, population_mean

if TYPE_CHECKING:
    from flows.session import Session
    from storage.versions import Snapshot

ESTIMAND = "mean chance of a correct answer of problems from these templates"
METHOD = "path counting over all draws; undecided count as not correct"


@dataclass(frozen=True, slots=True)
class _Stopped:
    level: int | None
    template: str | None
    rate: float


def path_counted(opened: "Session", bare: "Snapshot") -> dict[str, Any]:
    """{"path_counting": rates by level and over all} for a budget that allows it; nothing for any other."""
    spec = opened.spec
    if getattr(spec.budget, "estimator", None) != "path_counting" or spec.generator is None or len(spec.policies()) > 1:
        return {}
    return {"path_counting": rates_of(bare, spec.budget)}


def rates_of(bare: "Snapshot", budget: Any) -> dict[str, Any]:
    """The rates of the problems of a snapshot under this budget's `rule` and `cap`."""
    problems = _stopped(bare, budget)
    levels = sorted({one.level for one in problems if one.level is not None})
    by_level = {str(level): _mean(one for one in problems if one.level == level) for level in levels}
    return {"method": METHOD, "overall": _mean(problems), "levels": by_level}


def _stopped(bare: "Snapshot", budget: Any) -> list[_Stopped]:
    points = _points(bare)
    counts = path_counts(budget.rule, cap=budget.cap, wanted=frozenset(points.values()))
    rows = zip(*(bare.problems[name].to_pylist() for name in ("id", "level", "template")), strict=True)
    found = [(level, template, path_counting_rate(*points.get(key, (0, 0)), counts)) for key, level, template in rows]
    return [_Stopped(level, template, rate) for level, template, rate in found if rate is not None]


def _points(bare: "Snapshot") -> Mapping[str, tuple[int, int]]:
    """(drawn, correct) of every problem."""
    points: dict[str, tuple[int, int]] = {}
    for problem, outcome in zip(*(bare.decisions[name].to_pylist() for name in ("problem_id", "outcome")), strict=True):
        drawn, correct = points.get(problem, (0, 0))
        points[problem] = drawn + 1, correct + (outcome == "correct")
    return points


def _mean(problems: Iterable[_Stopped]) -> dict[str, Any]:
    members = list(problems)
    mean = population_mean([one.rate for one in members], [one.template for one in members], estimand=ESTIMAND)
    return {"problems": len(members), **_row(mean)}


def _row(mean: Estimate | None) -> dict[str, Any]:
    if mean is None:
        return {"pass_rate": None, "low": None, "high": None}
    return {"pass_rate": _digits(mean.value), "low": _digits(mean.low), "high": _digits(mean.high)}


def _digits(value: float) -> float:
    """Twelve significant digits: the later ones depend on the order of rows."""
    return float(f"{value:.12g}")
