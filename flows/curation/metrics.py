"""The numbers of a run: its funnel, and pass rates by level on the fixed prefix. Deterministic; knows no clock and no path.

Rates are means over problems of correct/judged among the first n0 completions (all of them where rollouts were imported);
intervals are for the population the problems come from, clustered by template.
"""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.rounds.funnel import stop_reasons
from pipelines.stats import (
    Estimate,
    PrefixCounts,
    largest_k,
    pass_at_k,
    population_mean,
    prefix_counts,
    rule_error_counts,
    undecided_bounds,
)
from storage.records import OUTCOMES, StopRow

if TYPE_CHECKING:
    from flows.problems import MadeProblems
    from storage.versions import Snapshot

ESTIMAND = "mean pass rate of problems from these templates"
OTHERWISE = "mean pass rate of the population that these problems were drawn from"  # imported ones have no templates


@dataclass(frozen=True, slots=True)
class Counted:
    """What the prefix of one problem gave."""

    level: int | None
    template: str | None
    counts: PrefixCounts


@dataclass(frozen=True, slots=True)
class Withheld:
    """Up to which k pass@k is shown: .1 / `bound`, the upper bound of the false-accept rate; None: not measured."""

    bound: float | None = None

    @property
    def most(self) -> int | None:
        """The largest k that is shown; None: no limit."""
        return None if self.bound is None else largest_k(self.bound)

    def row(self) -> dict[str, Any]:
        """As JSON values, with the reason in words."""
        if self.bound is None:
            why = "not limited: the verifier's false accepts are not measured (no audit)"
        elif self.most is None:
            why = "not limited: every accept on rarely solved problems was adjudicated"
        else:
            why = "shown up to .1 / (upper bound of the false-accept rate); beyond, false accepts alone could make it"
        return {"largest_k": self.most, "false_accept_bound": self.bound, "why": why}


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
        "stops": dict(sorted(stop_reasons(stops).items())),
        **_given_up(stops),
        **_frontier(stops),
        "tokens_out": sum(value or 0 for value in snapshot.completions["tokens_out"].to_pylist()),
        "truncated": sum(reason == "length" for reason in snapshot.completions["finish_reason"].to_pylist()),
    }


def _given_up(stops: Sequence[StopRow]) -> dict[str, Any]:
    """What is known of the rule that gave problems up; nothing where none did."""
    rule = rule_error_counts((stop.problem_id, stop.reason) for stop in stops)
    return {"given_up": rule.row()} if rule.stopped or rule.continued else {}


def _frontier(stops: Sequence[StopRow]) -> dict[str, Any]:
    """What a search over levels found: the same evidence is in every stop."""
    found = next((stop.evidence for stop in stops if stop.reason == "frontier" and stop.evidence), None)
    return {} if found is None else {"frontier": json.loads(found)}


def metrics(
    snapshot: "Snapshot", *, prefix: int | None, withheld: Withheld | None = None, arm: str | None = None
) -> dict[str, Any]:
    """Pass rates with intervals, over all and by level; `prefix` None means every completion counts.

    `arm`: the only arm whose completions count, for arms are never pooled.
    """
    limit = withheld or Withheld()
    counts = prefix_counts_of(snapshot, prefix, arm)
    levels: list[int] = sorted({c.level for c in counts if c.level is not None})
    kept = _kept_by_level(snapshot)
    return {
        "prefix": prefix,
        **({} if arm is None else {"arm": arm}),
        "estimand": _estimand(counts),
        "pass_at_limit": limit.row(),
        "overall": _rates(counts, limit.most),
        "levels": {
            str(level): {**_rates([c for c in counts if c.level == level], limit.most), "kept": kept[level]}
            for level in levels
        },
    }


def arm_rates(snapshot: "Snapshot", *, prefix: int | None, arm: str, withheld: Withheld) -> dict[str, Any]:
    """Rates of one arm over the problems that were routed to it."""
    counts = [one for one in prefix_counts_of(snapshot, prefix, arm) if one.counts.judged + one.counts.undecided]
    estimand = f"mean pass rate of the problems routed to arm {arm}"
    return {"prefix": prefix, **_rates(counts, withheld.most), "estimand": estimand}


def model_rates(snapshot: "Snapshot", withheld: Withheld) -> dict[str, Any]:
    """Rates of each model's rollouts over the problems it answered; nothing where there is one model."""
    completions, decisions = snapshot.completions, snapshot.decisions
    model_of = dict(zip(completions["id"].to_pylist(), completions["model"].to_pylist(), strict=True))
    models = [model_of[cid] for cid in decisions["completion_id"].to_pylist()]
    names = sorted(set(models))
    if len(names) <= 1:
        return {}
    found = {}
    for name in names:
        mine = decisions.filter(pa.array([model == name for model in models]))
        counts = prefix_counts_of(replace(snapshot, decisions=mine), None)
        rates = _rates([one for one in counts if one.counts.judged + one.counts.undecided], withheld.most)
        found[name] = {**rates, "rollouts": mine.num_rows, "kept": sum(mine["kept"].to_pylist())}
    return {"models": found}


def prefix_counts_of(snapshot: "Snapshot", prefix: int | None, arm: str | None = None) -> list[Counted]:
    """One tally per problem over its prefix (on one arm); empty ones for 0, where the budget allows no rate.

    Without a prefix (None) every completion counts, under its own index.
    """
    problems = snapshot.problems
    completions = snapshot.completions
    index: dict[Any, Any] = dict(zip(completions["id"].to_pylist(), completions["sample_index"].to_pylist(), strict=True))
    decisions = snapshot.decisions
    seen: dict[str, list[tuple[int, str]]] = {}
    names = ("problem_id", "completion_id", "outcome", "arm")
    for problem, completion, outcome, drawn_by in zip(*(decisions[name].to_pylist() for name in names), strict=True):
        if arm is not None and drawn_by != arm:
            continue
        mine = seen.setdefault(problem, [])
        mine.append((len(mine) if prefix is None else index[completion], outcome))
    rows = zip(*(problems[name].to_pylist() for name in ("id", "level", "template")), strict=True)
    if prefix == 0:
        return [Counted(level, template, PrefixCounts(0, 0, 0, 0)) for _, level, template in rows]
    return [
        Counted(level, template, prefix_counts(seen.get(key, ()), prefix or max(1, len(seen.get(key, ())))))
        for key, level, template in rows
    ]


def _estimand(counted: Sequence[Counted]) -> str:
    return ESTIMAND if all(one.template is not None for one in counted) else OTHERWISE


def _rates(counted: Sequence[Counted], most: int | None) -> dict[str, Any]:
    judged = [one for one in counted if one.counts.judged]
    values = [one.counts.correct / one.counts.judged for one in judged]
    rate = population_mean(values, [one.template for one in judged], estimand=_estimand(counted))
    correct, total, undecided = (
        sum(getattr(one.counts, name) for one in counted) for name in ("correct", "judged", "undecided")
    )
    bounds = undecided_bounds(correct, total, undecided)
    return {
        **_interval(rate),
        "problems": len(counted),
        "judged": total,
        "undecided": undecided,
        "undecided_bounds": None if bounds is None else [_digits(bound) for bound in bounds],
        "pass_at": _pass_at([one.counts for one in judged], most),
        "never_solved": sum(one.counts.correct == 0 for one in judged),
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


def _pass_at(counts: Sequence[PrefixCounts], most: int | None) -> dict[str, float]:
    """Mean pass@k for powers of two up to what every problem has; pass@k of fewer than k completions is undefined.

    `most`: beyond it the verifier's false accepts alone could make what is shown, so it is withheld.
    """
    smallest = min((c.judged for c in counts), default=0)
    if most is not None:
        smallest = min(smallest, most)
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
