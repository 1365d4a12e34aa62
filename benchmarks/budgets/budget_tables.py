"""The tables of the comparison of budgets: what each pays for a coverage, covers at equal tokens, and regrets.

Knows what was replayed (benchmarks.budgets.budget_curves), not how it is printed. Intervals "over seeds" replicate the
sampling of one model on these problems; those "over templates" take templates whole and speak of the population of
templates.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from benchmarks.budgets.budget_curves import (
    Family,
    Mixture,
    Run,
    Setting,
    at_tokens,
    chosen_elsewhere,
    coverage,
    family,
    fixed_family,
    of_level,
    oracles,
    regret,
    solvable_by_seed,
)
from benchmarks.numbers.oracle import Oracle
from benchmarks.numbers.replay import Record
from rollmill.pipelines.budget import BUDGETS
from rollmill.stats import Estimate, cluster_sums, paired_difference, t_quantile

GOAL = 0.95
HARD = (6, 7, 8)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Compared:
    """All replays at one setting: families by budget and seed, solvable problems, oracles.

    `oracles`: by level and in all (None), free to draw nothing of a problem; `bound`: in all, and must draw the prefix.
    """

    setting: Setting
    records: Mapping[int, Record]
    families: Mapping[str, Mapping[int, Family]]
    solved: Mapping[int, frozenset[str]]
    oracles: Mapping[int | None, Oracle]
    bound: Oracle

    @property
    def record(self) -> Record:
        """The problems, which are the same under every seed."""
        return next(iter(self.records.values()))

    def bills(self, name: str) -> dict[int, Run]:
        """The run of each seed that reaches the goal at a dial chosen on the other seeds."""
        return chosen_elsewhere(self.families[name], self.setting.k, self.solved, GOAL)


def compared(pool: Mapping[int, Record], setting: Setting, names: Sequence[str], jobs: int = 1) -> Compared:
    """Replay every named budget on every seed, in so many processes."""
    families: dict[str, dict[int, Family]] = {
        "fixed": {seed: fixed_family(record, setting.cap) for seed, record in pool.items()}
    }
    tasks = [(name, seed) for name in names for seed in pool]
    with ProcessPoolExecutor(jobs) if jobs > 1 else nullcontext() as workers:
        apply = workers.map if workers else map
        parts = apply(family, *zip(*((BUDGETS[name], setting, pool[seed]) for name, seed in tasks), strict=True))
        for (name, seed), runs in zip(tasks, parts, strict=True):
            families.setdefault(name, {})[seed] = runs
    solved, free = solvable_by_seed(pool, setting.k), oracles(pool, setting)
    return Compared(setting, pool, families, solved, free, oracles(pool, setting, initial=setting.initial)[None])


def interval(values: Sequence[float]) -> str:
    """Mean and 95% t interval over seeds."""
    if len(values) < 2:
        return " ".join(f"{value:,.3f}" for value in values) or "none"
    half = t_quantile(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return f"{fmean(values):.3f} [{fmean(values) - half:.3f}, {fmean(values) + half:.3f}]"


def bounds(found: Estimate | None) -> str:
    """Value and interval of an estimate."""
    return "none" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def ratio_of_sums(
    above: Sequence[float],
    below: Sequence[float],
    clusters: Sequence[Hashable | None] | None = None,
    *,
    confidence: float = 0.95,
    estimand: str = "ratio of totals over the population of problems",
) -> Estimate | None:
    """sum(above) / sum(below), values of at least 0, cluster-robust t interval cut at 0; None without problems or where
    `below` sums to nothing. One cluster says nothing of others: [0, inf).

    Linearised: the variance of the cluster sums of above - ratio * below over the square of the lower sum, with the factor
    G/(G-1) and G-1 degrees of freedom (Cochran 1977, section 6.3). Clusters as in `population_mean`.
    """
    total = math.fsum(below)
    if total == 0.0:
        return None
    ratio = math.fsum(above) / total
    residuals = [a - ratio * b for a, b in zip(above, below, strict=True)]
    sums = cluster_sums(residuals, clusters)
    groups = len(sums)
    if groups < 2:
        return Estimate(ratio, 0.0, math.inf, len(residuals), groups, "one cluster: no interval", estimand)
    spread = math.sqrt(groups / (groups - 1) * math.fsum(value**2 for value, _ in sums)) / total
    half = t_quantile((1.0 + confidence) / 2.0, groups - 1) * spread
    return Estimate(ratio, max(0.0, ratio - half), ratio + half, len(residuals), groups, "cluster t of a ratio", estimand)


def bill_rows(found: Compared) -> list[Row]:
    """Cost of the goal by budget, beside `fixed`; and cost and coverage of a budget that runs to its own end."""
    rows = []
    fixed = found.bills("fixed")
    for name, families in found.families.items():
        rows.append(_bill(found, name, "limit chosen on other seeds", found.bills(name), fixed))
        if name != "fixed":
            free = {seed: runs[-1] for seed, runs in families.items()}
            rows.append(_bill(found, name, "to its own end", free, fixed))
    return rows


def _bill(found: Compared, name: str, how: str, runs: Mapping[int, Run], fixed: Mapping[int, Run]) -> Row:
    k, both = found.setting.k, sorted(runs.keys() & fixed.keys())
    row: Row = {"budget": name, "how": how, "seeds": len(runs)}
    if not both:
        return row | {"note": f"no place on its dial reaches {GOAL:.0%} on the other seeds"}
    ids = [observation.subject.problem_id for observation in found.record]
    templates = [observation.subject.template for observation in found.record]
    spent = [fmean(runs[seed].spent[key].tokens for seed in both) for key in ids]
    paid = [fmean(fixed[seed].spent[key].tokens for seed in both) for key in ids]
    return row | {
        "dial": sorted({run.dial for run in runs.values()}),
        "tokens": round(fmean(run.tokens for run in runs.values())),
        "coverage over seeds": interval([_share(found, run, seed) for seed, run in runs.items()]),
        "of fixed, over seeds": interval([runs[seed].tokens / fixed[seed].tokens for seed in both]),
        "of fixed, over templates": bounds(ratio_of_sums(spent, paid, templates)),
        "covered": [run.covered(k, found.solved[seed]) for seed, run in runs.items()],
    }


def _share(found: Compared, run: Run, seed: int, among: frozenset[str] | None = None) -> float:
    ids = found.solved[seed] if among is None else found.solved[seed] & among
    share = coverage(run, found.setting.k, ids)
    return math.nan if share is None else share


def equal_rows(found: Compared, among: frozenset[str] | None, budgets: Sequence[float]) -> list[Row]:
    """Coverage of these problems (None: all) at equal tokens over ALL problems, by budget; mean over seeds."""
    rows = []
    for name, families in found.families.items():
        row: Row = {"budget": name}
        for tokens in budgets:
            runs = {seed: at_tokens(family_, tokens) for seed, family_ in families.items()}
            if all(runs.values()):  # else these tokens do not pay for the prefix
                row[f"{tokens:,.0f}"] = fmean(
                    math.fsum(weight * _share(found, run, seed, among) for weight, run in mixture)
                    for seed, mixture in runs.items()
                    if mixture
                )
        rows.append(row)
    return rows


def oracle_rows(found: Compared, budgets: Sequence[float]) -> list[Row]:
    """The oracles' expected coverage at these tokens, as a share of the mean number of solvable problems."""
    solvable = fmean(len(ids) for ids in found.solved.values())
    prefix = sum(observation.samples[0].tokens for observation in found.record)  # any draw: the least that a prefix costs
    least = prefix * found.setting.initial
    named = {"oracle": (found.oracles[None], 0), "oracle that draws the prefix": (found.bound, least)}
    return [
        {"budget": name} | {f"{t:,.0f}": best.coverage(t) / solvable for t in budgets if t > cost}
        for name, (best, cost) in named.items()
    ]


def level_rows(found: Compared, tokens: float) -> list[Row]:
    """Coverage of each level at these tokens over all problems, and under it how many problems are solvable."""
    levels = sorted({observation.subject.level for observation in found.record if observation.subject.level is not None})
    rows: list[Row] = [{"budget": name} for name in found.families]
    for level in levels:
        among = of_level(found.record, [level])
        for row, value in zip(rows, equal_rows(found, among, [tokens]), strict=True):
            row[str(level)] = value.get(f"{tokens:,.0f}")
    return [
        *rows,
        {"budget": "(solvable)"}
        | {
            str(level): fmean(len(ids & of_level(found.record, [level])) for ids in found.solved.values())
            for level in levels
        },
    ]


def regret_rows(found: Compared) -> list[Row]:
    """Regret by level and in all, in problems, at the mean tokens spent there: of the runs that reach the goal at a dial
    chosen on other seeds, and where none does, of the runs to their own end.
    """
    rows = []
    for name, families in found.families.items():
        reached = list(found.bills(name).values())
        runs = reached or [runs[-1] for runs in families.values()]
        row: Row = {"budget": name, "how": "limit chosen on other seeds" if reached else "to its own end"}
        for level, best in found.oracles.items():
            among = frozenset(
                observation.subject.problem_id for observation in found.record if level in (None, observation.subject.level)
            )
            row["all" if level is None else str(level)] = regret(runs, found.setting.k, best, among) if runs else None
        rows.append(row)
    return rows


def duel_rows(found: Compared, names: tuple[str, str], budgets: Sequence[float]) -> list[Row]:
    """The second budget less the first on the hard levels at equal tokens over all problems.

    Coverage here is of all problems of these levels, so that a problem has one value: over seeds, and by template. The last
    row is at the tokens that the second budget spends to its own end, under each seed.
    """
    among = sorted(of_level(found.record, HARD))
    template = {observation.subject.problem_id: observation.subject.template for observation in found.record}
    rows = []
    ends = {seed: float(runs[-1].tokens) for seed, runs in found.families[names[1]].items()}
    for at in [*(dict.fromkeys(ends, tokens) for tokens in budgets), ends]:
        sides = [{seed: at_tokens(runs, at[seed]) for seed, runs in found.families[name].items()} for name in names]
        before, after = (_by_problem(found, side, among) for side in sides)
        if before is None or after is None:
            continue
        mean_before, mean_after = ([fmean(values) for values in zip(*side, strict=True)] for side in (before, after))
        over_templates = paired_difference(mean_before, mean_after, [template[key] for key in among])
        rows.append(
            {
                "tokens": round(fmean(at.values())),
                names[0]: fmean(mean_before),
                names[1]: fmean(mean_after),
                "difference, over seeds": interval([fmean(a) - fmean(b) for b, a in zip(before, after, strict=True)]),
                "difference, over templates": bounds(over_templates),
            }
        )
    return rows


def _by_problem(found: Compared, runs: Mapping[int, Mixture | None], among: Sequence[str]) -> list[list[float]] | None:
    """Coverage of each problem, by seed; None if these tokens do not pay for the prefix of some seed."""
    k = found.setting.k
    values = [
        [math.fsum(weight * (run.spent[key].distinct >= k) for weight, run in mixture) for key in among]
        for mixture in runs.values()
        if mixture
    ]
    return values if len(values) == len(runs) else None


def curve_rows(found: Compared) -> list[Row]:
    """Every run of every family by level, for plotting: tokens on that level and in all, covered, solvable."""
    levels = {
        level: of_level(found.record, [level])
        for level in sorted({observation.subject.level or 0 for observation in found.record})
    }
    return [
        {
            "k": found.setting.k,
            "initial": found.setting.initial,
            "budget": name,
            "seed": seed,
            "dial": run.dial,
            "tokens": run.tokens,
            "level": level,
            "level_tokens": sum(run.spent[key].tokens for key in among),
            "covered": run.covered(found.setting.k, found.solved[seed] & among),
            "solvable": len(found.solved[seed] & among),
        }
        for name, families in found.families.items()
        for seed, runs in families.items()
        for run in runs
        for level, among in levels.items()
    ]
