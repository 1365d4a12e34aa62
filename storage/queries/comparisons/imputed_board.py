"""The leaderboard of a table with missing cells: rates that a model has where it was asked, and imputed ones elsewhere.

For `rollmill leaderboard --impute`. Cells are imputed by item response theory (`rollmill.stats.complete_table`),
each problem alone. Whole cells that are known are hidden and imputed too: the table shows how far off its imputed cells
are.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.pool import Flags, Floats, Group, Ints
from rollmill.metrics import pass_rate
from rollmill.stats import CompletedTables, Estimate, complete_table, population_mean, rank_agreement
from rollmill.storage.queries.comparisons.comparison import cells_of_board
from rollmill.storage.queries.comparisons.sides import Side

Row = dict[str, Any]
TAIL = 0.025
ANCHORS = 8  # models of a benchmark from which on the coverage of imputed rates is tested; of one it was .73
INSIDE = 10  # completed tables whose interval over clusters is averaged


@dataclass(frozen=True, slots=True, eq=False)
class ItemTable:
    """Pass rates (models, items), NaN where a model was not asked; each item with its benchmark's place and its cluster."""

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    rates: Floats
    benchmark: Ints
    clusters: tuple[Group, ...]

    @property
    def known(self) -> Flags:
        """The cells with a judged completion."""
        return ~np.isnan(self.rates)


def imputed_board(sides: Sequence[Side], *, seed: int = 0) -> Row:
    """The completed table as JSON values; SetupError if nothing is missing or the cells do not hang together."""
    cells = cells_of_board(sides)
    table = item_table(cells)
    # First: without common problems the abilities of two groups of models are on no common scale.
    check_connected(table)
    if table.known.all():
        raise SetupError(
            f"--impute: all {len(table.models)} models were asked all {len(table.rates[0]):,} problems.",
            next_command="rollmill leaderboard NAME, without --impute",
        )
    completed = complete_table(table.rates, table.benchmark, seed=seed)
    shown = list(dict.fromkeys(benchmark for _, benchmark in cells))
    rows = [
        _cell(table, completed, place, table.benchmarks.index(benchmark), cells.get((model, benchmark)))
        for place, model in enumerate(table.models)
        for benchmark in shown
    ]
    means = _means(table, completed, rows)
    return {
        "models": sorted(table.models, key=lambda model: -means[model]["value"]),
        "benchmarks": shown,
        "cells": rows,
        "means": means,
        "few_anchors": {name: count for name, count in _anchors(table).items() if count < ANCHORS},
        "imputed": int((~table.known).sum()),
        "known": int(table.known.sum()),
        "agreement": _agreement(table, rows, means, shown),
        "check": _hidden_check(table, seed),
        "seed": seed,
    }


def _anchors(table: ItemTable) -> dict[str, int]:
    """Number of models that answered problems of each benchmark in which some cell is imputed."""
    columns = {name: table.known[:, table.benchmark == column] for column, name in enumerate(table.benchmarks)}
    return {name: int(known.any(axis=1).sum()) for name, known in columns.items() if not known.all()}


def item_table(cells: Mapping[tuple[str, str], Side]) -> ItemTable:
    """The table of all models and all problems with a judged completion, in the order of their names."""
    models, benchmarks = (tuple(sorted({place[at] for place in cells})) for at in (0, 1))
    clusters: dict[tuple[int, str], Group] = {}
    values: dict[tuple[int, tuple[int, str]], float] = {}
    for (model, benchmark), side in sorted(cells.items(), key=lambda cell: cell[0]):
        for row in np.flatnonzero(side.counts.judged > 0).tolist():
            item = (benchmarks.index(benchmark), side.pool.problems[row])
            clusters.setdefault(item, side.pool.strata["template"][row])
            values[models.index(model), item] = float(side.counts.correct[row] / side.counts.judged[row])
    places = {item: place for place, item in enumerate(sorted(clusters))}
    rates = np.full((len(models), len(places)), np.nan)
    for (model_place, item), rate in values.items():
        rates[model_place, places[item]] = rate
    benchmark_of = np.array([column for column, _ in places], dtype=np.int64)
    return ItemTable(models, benchmarks, rates, benchmark_of, tuple(clusters[item] for item in places))


def check_connected(table: ItemTable) -> None:
    """SetupError with fewer than two models, for a model without a judged completion and for models without a link: one
    common problem, or a chain of models with common problems.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    if len(table.models) < 2:
        raise SetupError(
            f"--impute: a table has at least two models, and this one has {', '.join(table.models) or 'none'}.",
            next_command="rollmill evaluate RECIPE with another model, then name both evaluations",
        )
    empty = [model for model, row in zip(table.models, table.known, strict=True) if not row.any()]
    if empty:
        raise SetupError(
            f"--impute: {', '.join(empty)} has no judged completion; what is known of a model comes from its answers.",
            next_command="rollmill evaluate RECIPE, or name the evaluations without it",
        )
    links = csr_array(table.known.astype(np.int64))
    parts, part = connected_components(links @ links.T, directed=False)
    if parts > 1:
        groups = [", ".join(np.array(table.models)[part == at].tolist()) for at in range(parts)]
        raise SetupError(
            f"--impute: no common problem links {'; and '.join(groups)}.",
            next_command="rollmill evaluate RECIPE that asks one model of each some problems of the others",
        )


def _cell(table: ItemTable, completed: CompletedTables, place: int, column: int, side: Side | None) -> Row:
    """A rate with its interval for the population of problems; where imputed, with that of exactly these problems too."""
    items = table.benchmark == column
    missing = int((~table.known[place, items]).sum())
    row: Row = {"model": table.models[place], "benchmark": table.benchmarks[column], "problems": int(items.sum())}
    row["imputed"] = missing
    if not missing:
        assert side is not None
        estimate = pass_rate(side.counts.judged_only()).estimate
        assert estimate is not None
        ends = {name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}
        return {**row, **ends, "interval": estimate.method, "estimand": estimate.estimand}
    draws = completed.means(items)[:, place]
    low, high = np.quantile(draws, [TAIL, 1.0 - TAIL]).tolist()
    value = float(draws.mean())
    clusters = [cluster for cluster, chosen in zip(table.clusters, items.tolist(), strict=True) if chosen]
    # Two independent errors add in squares: which values were imputed, and which problems were drawn.
    down, up = _population_halves(completed.tables[:INSIDE, place][:, items], clusters)
    return {
        **row,
        "value": digits(value),
        "low": digits(max(0.0, value - math.hypot(value - low, down))),
        "high": digits(min(1.0, value + math.hypot(high - value, up))),
        "interval": "draws of the imputation and cluster t, added in squares",
        "estimand": "mean pass rate of the population of problems",
        "these_problems": {"low": digits(low), "high": digits(high)},
    }


def _population_halves(tables: npt.NDArray[np.float32], clusters: Sequence[Group]) -> tuple[float, float]:
    """Mean half widths, down and up, of the interval over clusters of completed rows."""
    estimates = [population_mean(np.clip(row, 0.0, 1.0).tolist(), clusters) for row in tables]
    halves = [(part.value - part.low, part.high - part.value) for part in estimates if part is not None]
    down, up = np.mean(halves, axis=0).tolist()
    return down, up


def _means(table: ItemTable, completed: CompletedTables, rows: Sequence[Row]) -> dict[str, Row]:
    """The mean of each model over the benchmarks, and the ranks that it has in 95% of the completed tables."""
    columns = range(len(table.benchmarks))
    draws = np.mean([completed.means(table.benchmark == column) for column in columns], axis=0)
    ranks = (draws[:, None, :] > draws[:, :, None]).sum(axis=2) + 1
    # Ranks are whole numbers: the quantile is one of them, not a value between two.
    ends = np.quantile(ranks, [TAIL, 1.0 - TAIL], axis=0, method="inverted_cdf")
    means = {}
    for place, model in enumerate(table.models):
        own = [row for row in rows if row["model"] == model]
        value = math.fsum(row["value"] for row in own) / len(own)
        down = math.hypot(*(row["value"] - row["low"] for row in own)) / len(own)
        up = math.hypot(*(row["high"] - row["value"] for row in own)) / len(own)
        means[model] = {
            "value": digits(value),
            "low": digits(max(0.0, value - down)),
            "high": digits(min(1.0, value + up)),
            "imputed": sum(row["imputed"] for row in own),
            "ranks": [int(ends[0][place]), int(ends[1][place])],
        }
    return means


def _agreement(table: ItemTable, rows: Sequence[Row], means: Mapping[str, Row], benchmarks: Sequence[str]) -> list[Row]:
    """Kendall's tau between the rankings of each two benchmarks, and of the mean before and after the imputation."""
    scores = {
        name: [
            next(row["value"] for row in rows if (row["model"], row["benchmark"]) == (model, name))
            for model in table.models
        ]
        for name in benchmarks
    }
    pairs = [(one, other, scores[one], scores[other]) for one, other in combinations(benchmarks, 2)]
    asked = [float(np.nanmean(row)) for row in table.rates]
    pairs.append(("asked problems alone", "completed table", asked, [means[model]["value"] for model in table.models]))
    agreement = []
    for one, other, first, second in pairs:
        estimate = rank_agreement(first, second)
        if estimate is not None:
            agreement.append({"first": one, "second": other, **_estimate(estimate)})
    return agreement


def _estimate(estimate: Estimate) -> Row:
    ends = {name: digits(getattr(estimate, name)) for name in ("value", "low", "high")}
    return {**ends, "models": estimate.n, "interval": estimate.method, "estimand": estimate.estimand}


def _hidden_check(table: ItemTable, seed: int) -> Row | None:
    """Known cells that were hidden and imputed: how many, mean absolute error, and how many lie in their interval.

    One model of each benchmark, drawn at random: all its problems that another model was asked too. A model that would be
    left without a known problem keeps half of them. None if no cell can be hidden.
    """
    # Not the generator of the imputation, which has the seed alone.
    generator = np.random.default_rng([seed, 1])
    rates, hidden = table.rates.copy(), []
    for column in range(len(table.benchmarks)):
        items = table.benchmark == column
        for place in generator.permutation(len(table.models)).tolist():
            # Counted with the cells hidden so far, so that each problem keeps a known one.
            cells = np.flatnonzero(items & ~np.isnan(rates[place]) & ((~np.isnan(rates)).sum(axis=0) > 1))
            if not len(cells):
                continue
            if len(cells) == (~np.isnan(rates[place])).sum():
                cells = generator.permutation(cells)[: len(cells) // 2]
            trial = rates.copy()
            trial[place, cells] = np.nan
            # Hiding must not cut the chain by which the models are comparable.
            if len(cells) and _connected(trial):
                rates = trial
                hidden.append((place, cells))
                break
    if not hidden:
        return None
    completed = complete_table(rates, table.benchmark, seed=seed)
    errors, inside = [], 0
    for place, cells in hidden:
        draws = completed.tables[:, place, cells].mean(axis=1, dtype=np.float64)
        truth = float(table.rates[place, cells].mean())
        low, high = np.quantile(draws, [TAIL, 1.0 - TAIL])
        errors.append(abs(float(draws.mean()) - truth))
        inside += bool(low <= truth <= high)
    return {"hidden": len(hidden), "inside": inside, "error": digits(float(np.mean(errors)))}


def _connected(rates: Floats) -> bool:
    """True if chains of common problems link all models."""
    known = (~np.isnan(rates)).astype(np.int64)
    links = known @ known.T > 0
    reached = links[0]
    for _ in range(len(links)):
        reached = links[reached].any(axis=0)
    return bool(reached.all())
