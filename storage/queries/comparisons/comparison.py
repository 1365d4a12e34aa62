"""Comparison of two models on the same problems, and of every model on every benchmark: paired, per stratum, with power.

Problems are matched by id, so problems that one side lacks are counted and left out of both. By default both sides have
the same number of completions of each problem, and a second comparison is at equal tokens. Test and interval belong
together (`rollmill.stats.paired_test`); many tests are corrected together (Holm).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.pool import Group, grouped
from rollmill.metrics import pass_rate
from rollmill.stats import (
    Estimate,
    equivalence,
    holm,
    outlying_clusters,
    paired_test,
    pass_at_ks,
    pass_at_tokens,
    population_mean,
)
from rollmill.storage.queries.comparisons.sides import Side
from rollmill.storage.queries.comparisons.undecided import left_out, undecided_bounds

Row = dict[str, Any]
SHOWN = 10  # flipped problems of each direction
ALPHA = 0.05
LARGE = 200_000  # completions beyond which equal tokens are computed only when asked for: 2 ms a problem of 64


@dataclass(frozen=True, slots=True)
class SidePairing:
    """Values in [0, 1] of the common problems of two sides, with their clusters and strata."""

    problems: Sequence[str]
    before: Sequence[float]
    after: Sequence[float]
    clusters: Sequence[Group]
    strata: Mapping[str, Sequence[Group]]

    def where(self, places: Sequence[int]) -> "SidePairing":
        """The pairing restricted to the problems at these indices, in their order."""
        return SidePairing(
            [self.problems[at] for at in places],
            [self.before[at] for at in places],
            [self.after[at] for at in places],
            [self.clusters[at] for at in places],
            {name: [values[at] for at in places] for name, values in self.strata.items()},
        )


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """Options of a comparison. `k`: pass@k of each problem. `margin`: the difference that counts as equal. `by`: strata.

    `tokens`: the budget of each problem at equal tokens; by default the largest one that every problem has on both sides.
    """

    k: int = 1
    by: Sequence[str] = ()
    margin: float | None = None
    all_samples: bool = False
    tokens: int | None = None


def compare(before: Mapping[str, Side], after: Mapping[str, Side], request: ComparisonRequest) -> list[Row]:
    """Comparison of two models on each common benchmark, as JSON values; the p values are corrected together.

    Two runs or versions with one benchmark each are compared whatever their names.
    """
    shared = [(before[name], after[name]) for name in before if name in after]
    if not shared and len(before) == len(after) == 1:
        shared = [(next(iter(before.values())), next(iter(after.values())))]
    if not shared:
        raise SetupError(
            f"no benchmark in common: {', '.join(before)}; and {', '.join(after)}.",
            next_command="compare two models on one benchmark",
        )
    rows = _corrected([_compared(*sides, request) for sides in shared])
    return [row | {"decision": decision(row)} for row in rows]


def decision(row: Row) -> str:
    """Conclusion of a comparison in a sentence: the better side, or the difference that the data could have shown."""
    first, second = _names(row)
    if row["itself"]:
        return f"{first} is compared with itself: all differences are 0, and nothing is tested"
    size, visible = abs(row["difference"]), row["detectable"]
    if not row["flipped"]["better"] + row["flipped"]["worse"] and row.get("conclusion") != "equivalent":
        same = f"{first} and {second} have the same rate on each of the {row['problems']:,} problems"
        return f"{same}, as runs have that share their completions"
    if row["p_corrected"] <= ALPHA:
        better = second if row["difference"] > 0 else first
        equal = f", by less than {row['margin']:g}" if row.get("conclusion") == "equivalent" else ""
        if visible is not None and size >= visible:
            return f"{better} is better by {size:.3f}{equal}; {_seen(visible)}"
        # A significant difference below the one detectable with 80% power is mostly too large (Gelman & Carlin 2014).
        lucky = "a true difference of this size is seen less than four times in five, so it is probably smaller"
        return f"{better} is better by {size:.3f}{equal}; {lucky}" + (f" ({_seen(visible)})" if visible is not None else "")
    if row.get("conclusion") == "equivalent":
        return f"{first} and {second} are equal up to {row['margin']:g}"
    if visible is None:
        return "undecided: data like these would show no difference at all, as they have too few clusters"
    alone = f"p = {row['p']:.2g} alone is not enough among so many tests; " if row["p"] <= ALPHA else ""
    return f"undecided: {alone}{_seen(visible)}"


def _seen(visible: float) -> str:
    return f"a true difference of {visible:.3f} would have been seen four times in five"


def _names(row: Row) -> tuple[str, str]:
    """Distinct names of the two sides: their models, or the names in the request."""
    sides = (row["before"], row["after"])
    key = "reference" if sides[0]["model"] == sides[1]["model"] else "model"
    return sides[0][key], sides[1][key]


def _compared(first: Side, second: Side, request: ComparisonRequest) -> Row:
    """The second side against the first; SetupError for sides without a common problem."""
    sides = (first, second)
    if not request.all_samples and first.most != second.most:
        fewest = min(first.most, second.most)
        sides = (first.first(fewest), second.first(fewest))
    pairing = paired(*sides, k=request.k)
    itself = (first.reference, first.model) == (second.reference, second.model)
    return {
        "before": _side(sides[0]),
        "after": _side(sides[1]),
        "metric": f"pass@{request.k}",
        "itself": itself,
        "problems": len(pairing.problems),
        **left_out(*sides, len(pairing.problems)),
        **_difference(pairing, request.margin),
        "undecided_bounds": None if itself else undecided_bounds(*sides, request.k),
        "equal_tokens": _at_equal_tokens(*sides, request.tokens),
        "strata": {name: _by(pairing, name) for name in request.by if name in pairing.strata},
        "flipped": _flipped(pairing),
    }


def paired(first: Side, second: Side, *, k: int = 1) -> SidePairing:
    """pass@k of the problems judged on both sides, matched by id."""
    return _pairing(first, second, lambda side: _pass_at(side, k))


def _pairing(first: Side, second: Side, values_of: Callable[[Side], Mapping[str, float]]) -> SidePairing:
    """Values of the problems with a value on both sides, matched by id."""
    values = [values_of(side) for side in (first, second)]
    common = [problem for problem in values[0] if problem in values[1]]
    if not common:
        raise SetupError(
            f"{first.reference} and {second.reference} have no judged problem in common.",
            next_command="compare two models on one benchmark",
        )
    place = {problem: at for at, problem in enumerate(first.pool.problems)}
    strata = {name: [column[place[p]] for p in common] for name, column in first.pool.strata.items()}
    before, after = ([side[problem] for problem in common] for side in values)
    return SidePairing(common, before, after, strata["template"], strata)


def _pass_at(side: Side, k: int) -> dict[str, float]:
    counts = side.counts
    judged = np.flatnonzero(counts.judged > 0)
    short = int((counts.judged[judged] < k).sum())
    if short:
        raise SetupError(
            f"pass@{k} is undefined for {short} of {len(judged)} problems of {side.reference}.",
            choices=[f"k up to {int(counts.judged[judged].min())}"],
        )
    rates = pass_at_ks(counts.judged[judged], counts.correct[judged], [k])[:, 0].tolist()
    return dict(zip((side.pool.problems[place] for place in judged.tolist()), rates, strict=True))


def _at_equal_tokens(first: Side, second: Side, tokens: int | None) -> Row:
    """pass@t of both sides at one token budget; `why` gives the reason if their completions do not allow it."""
    before, after = first.costs(), second.costs()
    if before is None or after is None:
        return {"why": "the tokens of some completions are not known"}
    totals = {p: min(int(before[p][0].sum()), int(after[p][0].sum())) for p in before if p in after}
    most = min(totals.values())  # beyond it some problem would run out of completions
    if tokens is None:
        least = 2 * max(first.tokens or 0, second.tokens or 0)
        if most < least:
            return {"why": f"some problem has {most} tokens in all, and two completions take about {least:.0f}"}
        if sum(len(spent) for side in (before, after) for spent, _ in side.values()) > LARGE:
            return {"why": f"of more than {LARGE:,} completions it takes minutes; --tokens {most} does it"}
    elif not 1 <= tokens <= most:
        raise SetupError(
            f"--tokens {tokens}: on some problem a side spent {most} in all its completions.",
            choices=[f"1 to {most}"],
            next_command="draw more completions to compare at more tokens",
        )
    budget = most if tokens is None else tokens

    def solved(side: Side) -> dict[str, float]:
        costs = before if side is first else after
        return {problem: float(pass_at_tokens(*costs[problem], [budget])[0]) for problem in totals}

    return {"tokens": budget, **_difference(_pairing(first, second, solved))}


def _side(side: Side) -> Row:
    return {
        "reference": side.reference,
        "benchmark": side.benchmark,
        "model": side.model,
        "completions": side.most,
        "tokens_per_completion": None if side.tokens is None else digits(side.tokens),
    }


def _difference(pairing: SidePairing, margin: float | None = None) -> Row:
    """Both means, their difference with its interval, the test, and the difference detectable with this data."""
    before, after, clusters = pairing.before, pairing.after, pairing.clusters
    test = paired_test(before, after, clusters)
    assert test is not None
    change, visible = test.change, test.detectable
    row = {
        "value_before": digits(float(np.mean(before))),
        "value_after": digits(float(np.mean(after))),
        "difference": digits(change.value),
        "low": digits(change.low),
        "high": digits(change.high),
        "interval": change.method,
        "estimand": change.estimand,
        "clusters": change.clusters,
        "p": digits(test.p),
        "detectable": None if visible is None else digits(visible),
        "outlying": _outlying(pairing),
    }
    if margin is not None:
        equal = equivalence(before, after, clusters, margin=margin)
        assert equal is not None
        row |= {"margin": margin, "conclusion": equal.conclusion}
    return row


def _outlying(pairing: SidePairing) -> Row | None:
    """The few clusters with most of the variation of the differences, and a sentence about them; None without such
    clusters."""
    changes = [late - early for early, late in zip(pairing.before, pairing.after, strict=True)]
    outlying = outlying_clusters(changes, pairing.clusters)
    if outlying is None:
        return None
    numbers = {"share": outlying.share, "difference": outlying.mean, "others": outlying.others}
    note = outlying.note("{:+.3f}")
    return {"clusters": list(outlying.names), **{name: digits(value) for name, value in numbers.items()}, "note": note}


def _corrected(rows: list[Row]) -> list[Row]:
    """The rows with p values corrected for all of these tests together (Holm)."""
    return [{**row, "p_corrected": digits(p)} for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True)]


def _by(pairing: SidePairing, name: str) -> list[Row]:
    rows = []
    for value, places in grouped(pairing.strata[name]).items():
        part = pairing.where(places.tolist())
        rows.append({"group": value, "problems": len(part.problems), **_difference(part)})
    return _corrected(rows)


def _flipped(pairing: SidePairing) -> Row:
    """Problems on which the second side does better or worse, the largest changes first."""
    changes = [
        (late - early, problem)
        for problem, early, late in zip(pairing.problems, pairing.before, pairing.after, strict=True)
    ]
    better = sorted((-change, problem) for change, problem in changes if change > 0)
    worse = sorted((change, problem) for change, problem in changes if change < 0)
    return {
        "better": len(better),
        "worse": len(worse),
        "same": len(changes) - len(better) - len(worse),
        "most_better": [problem for _, problem in better[:SHOWN]],
        "most_worse": [problem for _, problem in worse[:SHOWN]],
    }


def leaderboard(sides: Sequence[Side]) -> Row:
    """Models x benchmarks with intervals; for each benchmark, the models that are not significantly worse than the best.

    All pairwise tests of the table are corrected together. The mean is over the benchmarks common to all models.
    """
    cells = cells_of_board(sides)
    models = list(dict.fromkeys(side.model for side in sides))
    benchmarks = list(dict.fromkeys(side.benchmark for side in sides))
    scores = {place: pass_rate(side.counts) for place, side in cells.items()}
    tests = _pairwise(cells, models, benchmarks)
    rows: list[Row] = []
    for (model, benchmark), rate in scores.items():
        estimate = rate.estimate
        beaten = {row["worse"] for row in tests if row["benchmark"] == benchmark and row["significant"]}
        rows.append(
            {
                "model": model,
                "benchmark": benchmark,
                "problems": int((cells[model, benchmark].counts.judged > 0).sum()),
                "judged": rate.judged,
                "undecided": rate.undecided,
                "undecided_bounds": rate.row()["undecided_bounds"],
                **_estimate(estimate),
                "unbeaten": model not in beaten,
                **({"faults": list(faults)} if (faults := cells[model, benchmark].faults) else {}),
            }
        )
    means = _means(cells, models, benchmarks)
    return {
        "models": sorted(models, key=lambda m: _rank(means[m])),
        "benchmarks": benchmarks,
        "cells": rows,
        "means": means,
        "tests": tests,
    }


def cells_of_board(sides: Sequence[Side]) -> dict[tuple[str, str], Side]:
    """The side of each model and benchmark; SetupError for a place with two."""
    cells = {(side.model, side.benchmark): side for side in sides}
    if len(cells) < len(sides):
        twice = next(side for side in sides if cells[side.model, side.benchmark] is not side)
        raise SetupError(
            f"{twice.model} has two results on {twice.benchmark}.", next_command="name the ones to show, one for each"
        )
    return cells


def _rank(mean: Row | None) -> tuple[bool, float]:
    return (mean is None, -(mean["value"] or 0.0) if mean is not None else 0.0)


def _estimate(estimate: Estimate | None) -> Row:
    if estimate is None:
        return {"value": None, "low": None, "high": None, "interval": "nothing judged"}
    ends = {name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}
    return {**ends, "interval": estimate.method, "estimand": estimate.estimand}


def _pairwise(cells: Mapping[tuple[str, str], Side], models: Sequence[str], benchmarks: Sequence[str]) -> list[Row]:
    """Every pair of models on every common benchmark, on their common problems."""
    rows: list[Row] = []
    for benchmark in benchmarks:
        asked_models = [model for model in models if (model, benchmark) in cells]
        for first, second in combinations(asked_models, 2):
            try:
                pairing = paired(cells[first, benchmark], cells[second, benchmark])
            except SetupError:
                continue  # no common problem: no comparison of this pair
            row = _difference(pairing)
            # Which of two equal models is called better does not matter: their test is never significant.
            better, worse = (second, first) if row["difference"] > 0 else (first, second)
            names = {"benchmark": benchmark, "before": first, "after": second, "better": better, "worse": worse}
            rows.append({**names, "problems": len(pairing.problems), **row})
    return [{**row, "significant": row["p_corrected"] <= ALPHA} for row in _corrected(rows)]


def _means(
    cells: Mapping[tuple[str, str], Side], models: Sequence[str], benchmarks: Sequence[str]
) -> dict[str, Row | None]:
    """Each model's mean over the benchmarks common to all models; None without a common benchmark."""
    judged = {place: side.counts.judged_only() for place, side in cells.items()}
    shared = [name for name in benchmarks if all(len(judged.get((model, name), ())) for model in models)]
    means: dict[str, Row | None] = {}
    for model in models:
        parts = [
            population_mean(counts.rates(), counts.rated_clusters(), estimand=model)
            for counts in (judged[model, name] for name in shared)
        ]
        estimates = [part for part in parts if part is not None]
        if not estimates:
            means[model] = None
            continue
        mean = math.fsum(part.value for part in estimates) / len(estimates)
        # The benchmarks are independent and fixed: half widths add in squares, each way by its own.
        down, up = (
            math.hypot(*ends) / len(estimates) for ends in zip(*(_half_widths(part) for part in estimates), strict=True)
        )
        means[model] = {
            "value": digits(mean),
            "low": digits(max(0.0, mean - down)),
            "high": digits(min(1.0, mean + up)),
            "benchmarks": shared,
        }
    return means


def _half_widths(estimate: Estimate) -> tuple[float, float]:
    return estimate.value - estimate.low, estimate.high - estimate.value
