"""Statistics of a trial: differences of its arms over seeds and problems, what a design can show, what a look decides."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rollmill.flows.trials.references import MEASURE
from rollmill.flows.trials.students import StudentCounts
from rollmill.stats import holm
from rollmill.stats.trials.counts import ArmCounts, draw_variance, pass_at_k_cells, pass_at_k_difference
from rollmill.stats.trials.design import Choices, Expense, arm_components, designs, pair_components
from rollmill.stats.trials.looks import look_levels, sequential_holm
from rollmill.stats.trials.two_way import FEWEST_SEEDS, TwoWay, two_way

Row = dict[str, Any]


def compared(counts: StudentCounts, ks: Sequence[int], alpha: float, looks: Sequence[int]) -> list[Row]:
    """Every arm against the first, for each k and for the log-probability of references, where it is known.

    `looks`: numbers of seeds of the looks so far, this one the last. The interval of the first k has the confidence of its
    look, Holm's over the arms; the others have 95%.
    """
    first, *others = counts.arms
    level = look_levels(looks, alpha=alpha / len(others))[-1] if looks else alpha / len(others)
    rows = []
    for arm in others:
        for place, k in enumerate(ks):
            confidence = 1.0 - level if place == 0 else 0.95
            drawn = counts.with_draws(k)
            result = pass_at_k_difference(
                drawn.arms[first], drawn.arms[arm], k, drawn.clusters, confidence=min(confidence, 1.0 - 1e-9)
            )
            if result is None:
                continue  # no problem has so many judged completions of every student
            rows.append(
                {
                    "arm": arm,
                    "against": first,
                    "k": k,
                    "measure": f"pass@{k}",
                    "primary": place == 0,
                    "confidence": confidence,
                    **difference_row(result),
                    "left_out": len(counts.problems) - len(drawn.problems),
                    "value_before": _mean(drawn.arms[first], k),
                    "value_after": _mean(drawn.arms[arm], k),
                    "changed": changed_share(counts, first, arm) if place == 0 else None,
                }
            )
        rows += _of_references(counts, first, arm)
    return rows


def _of_references(counts: StudentCounts, first: str, arm: str) -> list[Row]:
    """The difference in the mean log-probability of reference solutions, nats a token; no row where none is known."""
    known = counts.with_references()
    if not known.problems:
        return []
    before, after = known.logprobs[first], known.logprobs[arm]
    estimand = "mean difference in log-probability per token over trainings and the population of problems"
    result = two_way(after - before, known.clusters, bounded=False, estimand=estimand)
    if result is None or not np.isfinite([result.change.low, result.change.high]).all():
        return []
    return [
        {
            "arm": arm,
            "against": first,
            "k": None,
            "measure": MEASURE,
            "primary": False,
            "confidence": 0.95,
            **difference_row(result),
            "left_out": len(counts.problems) - len(known.problems),
            "value_before": float(before.mean()),
            "value_after": float(after.mean()),
            "changed": None,
        }
    ]


def difference_row(result: TwoWay) -> Row:
    """A difference as JSON values."""
    change, parts = result.change, result.parts
    shares = None if parts is None else parts.shares
    return {
        "difference": change.value,
        "low": change.low,
        "high": change.high,
        "p": result.p,
        "n": change.n,
        "units": change.clusters,
        "method": change.method,
        "estimand": change.estimand,
        "detectable": result.detectable,
        "degrees": result.degrees,
        "by_seed": list(result.by_seed),
        "over_seeds": result.over_seeds,
        "shares": None if shares is None else dict(zip(("problems", "seeds", "rest"), shares, strict=True)),
    }


def decided(p_by_look: Sequence[Sequence[float]], looks: Sequence[int], alpha: float) -> list[bool]:
    """Comparisons that are shown: by Holm at one look, or by sequential tests over several."""
    if looks and looks[0] >= 3:
        return sequential_holm(p_by_look, looks, alpha=alpha)
    return [p <= alpha for p in holm(list(p_by_look[-1]))]


def by_benchmark(counts: StudentCounts, k: int) -> list[Row]:
    """The difference at one k of each benchmark, with 95% intervals."""
    first, *others = counts.arms
    names = list(dict.fromkeys(benchmark for benchmark, _ in counts.problems))
    if len(names) < 2:
        return []
    rows = []
    for name in names:
        places = [place for place, (benchmark, _) in enumerate(counts.problems) if benchmark == name]
        part = counts.at(places).with_draws(k)
        for arm in others:
            result = pass_at_k_difference(part.arms[first], part.arms[arm], k, part.clusters)
            if result is not None:
                rows.append({"benchmark": name, "arm": arm, "against": first, "k": k, **difference_row(result)})
    return rows


def _mean(arm: ArmCounts, k: int) -> float:
    return float(pass_at_k_cells(arm, k).mean())


def changed_share(counts: StudentCounts, first: str, arm: str) -> float:
    """Share of problems whose pass rate over all students and samples differs between two arms."""
    rates = [
        np.asarray(counts.arms[name].correct).sum(axis=0) / np.asarray(counts.arms[name].judged).sum(axis=0)
        for name in (first, arm)
    ]
    return float(np.mean(~np.isclose(rates[0], rates[1])))


def units_of(counts: StudentCounts) -> int:
    """Number of independent units: templates, and problems without one."""
    named = [template for template in counts.templates if template is not None]
    return len(set(named)) + len(counts.templates) - len(named)


def detectable(counts: StudentCounts, trial_seeds: int, samples: int, *, arms: int, alpha: float) -> Row | None:
    """The smallest effect that a trial of so many seeds shows four times in five, from the students so far.

    Of both arms where there are two seeds of both, else of one arm (its trainings against one another). None before two
    seeds, where a cell has fewer than two completions, or where nothing varies.
    """
    tables = list(counts.arms.values())
    seeds = min(len(np.asarray(table.judged)) for table in tables)
    if seeds < 2 or min(int(np.asarray(table.judged).min()) for table in tables) < 2:
        return None
    cells = [pass_at_k_cells(table, 1) for table in tables]
    clusters = counts.clusters
    if len(cells) > 1:
        difference = cells[1][:seeds] - cells[0][:seeds]
        components = pair_components(difference, within=draw_variance(*tables[:2]), samples=samples, clusters=clusters)
    else:
        components = arm_components(cells[0], within=draw_variance(tables[0]), samples=samples, clusters=clusters)
    if max(components.problems, components.seeds, components.rest, components.samples) <= 0.0:
        return None  # every student answered every problem alike: that says nothing of others
    units = units_of(counts)
    planned = max(FEWEST_SEEDS, trial_seeds)
    level = alpha / max(1, arms - 1)
    wider = sorted({planned, 3, 5, 8, 12, 20})
    table = designs(
        components, Choices(wider, (units,), (samples,)), training=Expense(1.0, 0.0), completion=Expense(), arms=arms,
        level=level,
    )  # fmt: skip
    by_seeds: Mapping[int, float] = {design.seeds: design.detectable for design in table}
    return {"effect": by_seeds[planned], "by_seeds": {str(key): value for key, value in by_seeds.items()},
            "from_seeds": seeds, "of_arms": len(cells)}  # fmt: skip
