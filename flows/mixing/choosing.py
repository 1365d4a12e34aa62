"""The choice of a mixture: numbers of rows declared by source, and a reason for every row of the signal table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rollmill.flows.mixing.mix_recipe import LoadedMixture
from rollmill.flows.mixing.model_signals import SIMILAR
from rollmill.flows.mixing.signals import VECTOR
from rollmill.flows.mixing.thresholds import ELSEWHERE, KEPT, Sifted, reasons_of
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.quotas.quota import apportion
from rollmill.pipelines.mix.table import ChosenUnits, MixUnits
from rollmill.pipelines.mix.text_vectors import unit_rows

ALL = "all sources"
"""Name of the choice over every source, in messages and in the manifest."""
LOGGED = 200
"""Number of greedy picks whose gains the manifest has."""


@dataclass(frozen=True, slots=True)
class MixedRows:
    """A reason for each row of the signal table, and what was declared. `chosen`: facts of each choice by source or `ALL`.

    `free`: rows of each source that could be chosen.
    """

    reasons: Sequence[str]
    declared: Mapping[str, int]
    free: Mapping[str, int]
    chosen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def choose_rows(loaded: LoadedMixture, rows: Sifted) -> MixedRows:
    """Apply the methods: to the rows of each source that declares a number, or to all of them."""
    reasons, places = list(reasons_of(rows)), rows.free().tolist()
    # Vectors hold free rows alone, so `row_of` turns a row's place in the table into its place among these.
    vectors, source, units = rows.vectors(), rows.column("source"), _units(loaded, rows)
    row_of = {place: at for at, place in enumerate(places)}
    by_source: dict[str, list[int]] = {name: [] for name in loaded.recipe.sources}
    first: dict[str, str] = {}
    for place in places:
        # A unit may reach over several sources, and is kept whole: it counts for the first one alone.
        if loaded.declares_sources and first.setdefault(units[place], source[place]) != source[place]:
            reasons[place] = ELSEWHERE
        else:
            by_source[source[place]].append(place)
    free = {name: len(members) for name, members in by_source.items()}
    declared = declared_rows(loaded, free)
    scopes = by_source if loaded.declares_sources else {ALL: [place for members in by_source.values() for place in members]}
    chosen: dict[str, Mapping[str, Any]] = {}
    for name, members in scopes.items():
        method = loaded.of_source.get(name, loaded.method).build()
        taken = None if vectors is None else vectors[[row_of[place] for place in members]]
        table, of_unit = candidates(rows.table, members, [units[place] for place in members], taken)
        # A source may hold fewer rows than it declares; `require_declared` reports that with both numbers.
        picked = method.choose(table, min(declared[name], len(members)), loaded.recipe.seed)
        _check(method.name, table, picked, declared[name])
        for unit in picked.picks:
            for place in of_unit[unit]:
                reasons[place] = KEPT
        chosen[name] = {"method": method.name, "version": method.version, **picked.facts, **_logged(table, picked)}
    return MixedRows(reasons, declared, free, chosen)


def declared_rows(loaded: LoadedMixture, free: Mapping[str, int]) -> dict[str, int]:
    """Rows that each source declares, or `ALL`: its count, or its share of the size (none: the largest that fits).

    FoundWanting for a source without any row to choose.
    """
    recipe = loaded.recipe
    if not loaded.declares_sources:
        return {ALL: recipe.size or 0}
    if empty := [name for name, count in free.items() if not count]:
        raise FoundWanting(
            f"source {empty[0]!r} declares rows, and none meets its thresholds.",
            next_command="rollmill mix RECIPE --signals",
        )
    shares = {name: source.share for name, source in recipe.sources.items() if source.share is not None}
    if not shares:
        return {name: source.count or 0 for name, source in recipe.sources.items()}
    # 1e-9, because 7 / .07 is 99.99999999999999 in floats and fits 100 rows.
    size = recipe.size or int(min(free[name] / share for name, share in shares.items()) + 1e-9)
    # A share may ask for more rows than a source has: that is refused later, not spread over other sources.
    return apportion(shares, dict.fromkeys(shares, size), size)


def _units(loaded: LoadedMixture, rows: Sifted) -> list[str]:
    """The unit of each row by name."""
    problems = rows.column("problem_id")
    if loaded.recipe.unit == "problem":
        return problems
    completions = rows.column("completion_id")
    if loaded.recipe.unit == "copies":
        copies = rows.column("copies")
        return [of if of is not None else cid for of, cid in zip(copies, completions, strict=True)]
    # A completion of two problems with one prompt is two rows, so its id alone names no unit.
    return [f"{problem}:{cid}" for problem, cid in zip(problems, completions, strict=True)]


def candidates(
    table: pa.Table, places: Sequence[int], units: Sequence[str], vectors: Any
) -> tuple[MixUnits, list[list[int]]]:
    """The units of these rows as columns, and the places of each unit's rows; numbers and vectors are means of rows."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, unit in enumerate(units):
        members[unit].append(at)
    # Sorted by name, so that a choice does not depend on the order of the recipe's sources.
    ids = sorted(members)
    groups = [members[unit] for unit in ids]
    rows, numbers, labels = table.take(pa.array(places, pa.int64())), {}, {}
    for name in (name for name in rows.column_names if name != VECTOR and not name.startswith("missed:")):
        column = rows[name]
        if pa.types.is_floating(column.type):
            values = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
            numbers[name] = np.array([_mean(values[group]) for group in groups])
        elif pa.types.is_string(column.type):
            texts = column.to_pylist()
            labels[name] = [texts[group[0]] for group in groups]
    means = [] if vectors is None else [vectors[group].mean(axis=0) for group in groups]
    # Where no row is left, nothing says how long the vectors are.
    mean = None if vectors is None else unit_rows(np.array(means) if means else np.zeros((0, 0)))
    sizes = np.array([len(group) for group in groups], dtype=np.int64)
    similar = _similarities(rows[SIMILAR].to_pylist(), groups) if SIMILAR in rows.column_names else None
    return MixUnits(ids, numbers, labels, mean, sizes, similar), [[places[at] for at in group] for group in groups]


def _similarities(listed: Sequence[list[float] | None], groups: Sequence[Sequence[int]]) -> Floats:
    """Similarities of units as means of their rows, NaN for a unit without any."""
    width = next((len(values) for values in listed if values is not None), 0)
    matrix = np.array([values or [np.nan] * width for values in listed], dtype=np.float64).reshape(len(listed), width)
    known = ~np.isnan(matrix)
    sums, counts = np.zeros((len(groups), width)), np.zeros((len(groups), width))
    unit = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    rows = np.array([at for group in groups for at in group], dtype=np.int64)
    # `sums[unit] += ...` would add only one of the rows of each unit.
    np.add.at(sums, unit, np.where(known, matrix, 0.0)[rows])
    np.add.at(counts, unit, known[rows])
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _mean(values: Any) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _logged(table: MixUnits, picked: ChosenUnits) -> dict[str, Any]:
    """The first picks of a greedy method with their gains, and the gain of all; nothing for other methods."""
    if not picked.gains:
        return {}
    pairs = [(unit, float(gain)) for unit, gain in zip(picked.picks, picked.gains, strict=True)]
    return {
        "first_picks": [{"unit": table.ids[unit], "gain": gain} for unit, gain in pairs[:LOGGED]],
        "gained": sum(gain * int(table.rows[unit]) for unit, gain in pairs),
    }


def _check(name: str, table: MixUnits, picked: ChosenUnits, size: int) -> None:
    """SetupError for a method of a user that picks a unit twice, or more rows than were declared."""
    picks = list(picked.picks)
    if len(set(picks)) < len(picks) or not set(picks) <= set(range(len(table.ids))):
        raise SetupError(f"set method {name!r} picked a unit twice, or one that does not exist.")
    if (rows := int(table.rows[picks].sum()) if picks else 0) > size:
        raise SetupError(f"set method {name!r} picked {rows:,} rows, and {size:,} are declared.")
