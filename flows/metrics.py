"""The numbers of a run: its funnel, and pass rates by level on the fixed prefix. Deterministic; knows no clock and no path.

Rates are means over problems of correct/judged among the first n0 completions (all of them where rollouts were imported);
intervals are for the population the problems come from, clustered by template.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.stats import Estimate, pass_at_k, population_mean, undecided_bounds
from storage.records import OUTCOMES, StopRow

if TYPE_CHECKING:
    from flows.problems import MadeProblems
    from storage.versions import Snapshot

ESTIMAND = "mean pass rate of problems from these templates"


@dataclass(slots=True)
class Counts:
    """What the prefix of one problem gave."""

    level: int | None
    template: str | None
    drawn: int = 0
    correct: int = 0
    undecided: int = 0

    @property
    def judged(self) -> int:
        """Completions with a yes or no."""
        return self.drawn - self.undecided


def funnel(snapshot: "Snapshot", made: "MadeProblems", *, stops: Sequence[StopRow], rounds: int) -> dict[str, Any]:
    """How many of what, from problems made to rollouts kept, each loss by its reason."""
    decisions = snapshot.decisions
    kept = decisions["kept"].to_pylist()
    outcomes = Counter(decisions["outcome"].to_pylist())
    dropped = Counter(r for r, keep in zip(decisions["reason"].to_pylist(), kept, strict=True) if not keep)
    solved = {
        p
        for p, o in zip(decisions["problem_id"].to_pylist(), decisions["outcome"].to_pylist(), strict=True)
        if o == "correct"
    }
    return {
        "problems_made": made.made,
        "problems_dropped": dict(made.dropped),
        "problems": snapshot.problems.num_rows,
        "problems_solved": len(solved),
        "rounds": rounds,
        "drawn": decisions.num_rows,
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "kept": sum(kept),
        "dropped": dict(sorted(dropped.items())),
        "stops": dict(sorted(Counter(stop.reason for stop in stops).items())),
        "tokens_out": sum(value or 0 for value in snapshot.completions["tokens_out"].to_pylist()),
        "truncated": sum(reason == "length" for reason in snapshot.completions["finish_reason"].to_pylist()),
    }


def metrics(snapshot: "Snapshot", *, prefix: int | None) -> dict[str, Any]:
    """Pass rates with intervals, over all and by level; `prefix` None means every completion counts."""
    counts = prefix_counts_of(snapshot, prefix)
    levels: list[int] = sorted({c.level for c in counts if c.level is not None})
    kept = _kept_by_level(snapshot)
    return {
        "prefix": prefix,
        "estimand": ESTIMAND,
        "overall": _rates(counts),
        "levels": {
            str(level): {**_rates([c for c in counts if c.level == level]), "kept": kept[level]} for level in levels
        },
    }


def prefix_counts_of(snapshot: "Snapshot", prefix: int | None) -> list[Counts]:
    """One tally per problem over its prefix."""
    problems = snapshot.problems
    rows = zip(*(problems[name].to_pylist() for name in ("id", "level", "template")), strict=True)
    counts = {key: Counts(level, template) for key, level, template in rows}
    completions = snapshot.completions
    index: dict[Any, Any] = dict(zip(completions["id"].to_pylist(), completions["sample_index"].to_pylist(), strict=True))
    decisions = snapshot.decisions
    decided = zip(*(decisions[name].to_pylist() for name in ("problem_id", "completion_id", "outcome")), strict=True)
    for problem, completion, outcome in decided:
        if prefix is None or index[completion] < prefix:
            here = counts[problem]
            here.drawn += 1
            here.correct += outcome == "correct"
            here.undecided += outcome == "undecided"
    return list(counts.values())


def _rates(counts: Sequence[Counts]) -> dict[str, Any]:
    judged = [c for c in counts if c.judged]
    rate = population_mean([c.correct / c.judged for c in judged], [c.template for c in judged], estimand=ESTIMAND)
    correct, total, undecided = (sum(getattr(c, name) for c in counts) for name in ("correct", "judged", "undecided"))
    bounds = undecided_bounds(correct, total, undecided)
    return {
        **_interval(rate),
        "problems": len(counts),
        "judged": total,
        "undecided": undecided,
        "undecided_bounds": None if bounds is None else [_digits(bound) for bound in bounds],
        "pass_at": _pass_at(judged),
        "never_solved": sum(c.correct == 0 for c in judged),
    }


def _interval(rate: Estimate | None) -> dict[str, Any]:
    if rate is None:
        return {"pass_rate": None, "low": None, "high": None, "interval": "nothing judged"}
    return {
        "pass_rate": _digits(rate.value),
        "low": _digits(rate.low),
        "high": _digits(rate.high),
        "interval": rate.method,
    }


def _pass_at(counts: Sequence[Counts]) -> dict[str, float]:
    """Mean pass@k for powers of two up to what every problem has; pass@k of fewer than k completions is undefined."""
    smallest = min((c.judged for c in counts), default=0)
    found: dict[str, float] = {}
    k = 1
    while k <= smallest:
        values = [pass_at_k(c.judged, c.correct, k) for c in counts]
        found[str(k)] = _digits(math.fsum(value for value in values if value is not None) / len(counts))
        k *= 2
    return found


def _kept_by_level(snapshot: "Snapshot") -> Counter[int | None]:
    level_of = dict(zip(snapshot.problems["id"].to_pylist(), snapshot.problems["level"].to_pylist(), strict=True))
    decisions = snapshot.decisions
    pairs = zip(decisions["problem_id"].to_pylist(), decisions["kept"].to_pylist(), strict=True)
    return Counter(level_of[problem] for problem, keep in pairs if keep)


def _digits(value: float) -> float:
    """Twelve significant digits: the later ones depend on the order of rows."""
    return float(f"{value:.12g}")
