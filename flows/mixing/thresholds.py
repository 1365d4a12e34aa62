"""Thresholds over the signal table by query: for each row the first that it misses, and how many rows miss each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rollmill.flows.mixing.mix_recipe import LoadedMixture, Threshold, as_label
from rollmill.flows.mixing.signals import VECTOR, StoredSignals
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import Floats, Ints
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.views import quoted, quoted_name

KEPT, REPEATED, ELSEWHERE, NOT_CHOSEN = "kept", "repeated", "other_source", "not_chosen"
"""Reasons of a mixture beside those of its sources and of thresholds; repeated rows have their decision elsewhere."""
BELOW = "signal:"
"""Begins the reason of a row that does not meet a threshold, before the signal's name."""
# Reasons are matched with rows by position, so the query keeps the order of the file.
_QUERY = """
SELECT *, row_number() OVER (
    PARTITION BY problem_id, completion_id ORDER BY (source_kept AND rule IS NULL) DESC, (rule IS NULL) DESC, part
) = 1 AS owned FROM (
    SELECT * EXCLUDE (file_row_number), file_row_number AS place, CASE {parts} END AS part, CASE {rules} END AS rule,
           {hits}
    FROM read_parquet({path}, file_row_number = true, hive_partitioning = false)
) ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rows of a signal table after the thresholds. Column `rule`: the first signal whose threshold a row misses, or None.

    Column `owned`: True if this source decides about the row. A row that several sources have belongs to the first source
    that would keep it. `missed`: for each source and signal, the number of the source's kept rows that miss the threshold.
    """

    table: pa.Table
    missed: Mapping[str, Mapping[str, int]]

    def column(self, name: str) -> list[Any]:
        """Values of a column, row by row."""
        values: list[Any] = self.table[name].to_pylist()
        return values

    def free(self) -> Ints:
        """Places of the rows that may be chosen."""
        owned, kept = np.asarray(self.table["owned"]), np.asarray(self.table["source_kept"])
        return np.flatnonzero(owned & kept & np.asarray(self.table["rule"].is_null()))

    def vectors(self) -> Floats | None:
        """Vectors of the free rows, in their order."""
        if VECTOR not in self.table.column_names:
            return None
        return np.array(self.table[VECTOR].take(self.free()).to_pylist(), dtype=np.float64)


def sifted(loaded: LoadedMixture, signals: StoredSignals) -> Sifted:
    """The rows with the thresholds applied; SetupError for an unknown signal, or numbers where it has labels."""
    sources = loaded.recipe.sources
    with closed([signals.path]) as connection:
        # A folder called a=b above the file would otherwise be a column of it.
        rows = f"read_parquet({quoted(str(signals.path.absolute()))}, hive_partitioning=false)"
        kinds = {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()}  # noqa: S608
        known = {name: kind for name, kind in kinds.items() if name in signals.names()}
        misses = {name: _of_source(loaded, name, known) for name in sources}
        named = sorted({signal for of_source in misses.values() for signal in of_source})
        hits = {signal: _by_source(signal, misses) for signal in named}
        rules = " ".join(
            f"WHEN source = {quoted(name)} AND {condition} THEN {quoted(signal)}"
            for name, of_source in misses.items()
            for signal, condition in of_source.items()
        )
        query = _QUERY.format(
            parts=" ".join(f"WHEN source = {quoted(name)} THEN {part}" for part, name in enumerate(sources)),
            rules=rules or "WHEN false THEN ''",  # CASE needs a branch
            hits=", ".join(f"({condition}) AS {quoted_name(f'missed:{name}')}" for name, condition in hits.items())
            or "true AS no_threshold",
            path=quoted(str(signals.path.absolute())),
        )
        table = connection.sql(query).to_arrow_table()
    return Sifted(table, _counted(table, misses))


def _of_source(loaded: LoadedMixture, name: str, known: Mapping[str, str]) -> dict[str, str]:
    """The SQL conditions of a source's rows that miss a threshold, by signal: those of the mixture and its own."""
    conditions: dict[str, list[str]] = {}
    for thresholds in (loaded.recipe.where, loaded.recipe.sources[name].where):
        for signal, threshold in thresholds.items():
            # A source's threshold narrows the mixture's and does not replace it: missing either is a miss.
            conditions.setdefault(signal, []).append(_misses(signal, threshold, known))
    return {signal: f"({' OR '.join(parts)})" for signal, parts in conditions.items()}


def _misses(signal: str, threshold: Threshold, known: Mapping[str, str]) -> str:
    """The SQL condition of a row that does not meet a threshold."""
    if signal not in known:
        raise unknown_name("signal", signal, known, next_command="rollmill mix RECIPE --signals")
    name, numeric = quoted_name(signal), known[signal] == "DOUBLE"
    bounds = [f"{name} >= {threshold.min!r}"] if threshold.min is not None else []
    bounds += [f"{name} <= {threshold.max!r}"] if threshold.max is not None else []
    if bounds and not numeric:
        raise SetupError(f"the signal {signal!r} has labels, and min and max need numbers.", choices=("among", "not_among"))
    for values, word in ((threshold.among, "IN"), (threshold.not_among, "NOT IN")):
        if values:
            bounds.append(f"{name} {word} ({', '.join(_literal(signal, value, numeric=numeric) for value in values)})")
    # A comparison with NULL is NULL, and a row without the signal must count as a miss.
    return f"NOT coalesce({' AND '.join(bounds)}, false)"


def _literal(signal: str, value: Any, *, numeric: bool) -> str:
    if not numeric:
        return quoted(as_label(value))
    if isinstance(value, str):
        raise SetupError(f"the signal {signal!r} has numbers, and the threshold names {value!r}.")
    # repr gives the shortest text that reads back as the same float.
    return repr(float(value))


def _by_source(signal: str, misses: Mapping[str, Mapping[str, str]]) -> str:
    return " OR ".join(
        f"(source = {quoted(name)} AND {of_source[signal]})" for name, of_source in misses.items() if signal in of_source
    )


def _counted(table: pa.Table, misses: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, int]]:
    kept, source = np.asarray(table["source_kept"]), np.asarray(table["source"])
    return {
        name: {signal: int((np.asarray(table[f"missed:{signal}"]) & kept & (source == name)).sum()) for signal in of_source}
        for name, of_source in misses.items()
    }


def reasons_of(sifted_rows: Sifted) -> Sequence[str]:
    """Reason of each row before any choice: its source's own, a threshold's, or `not_chosen`."""
    rows = zip(*(sifted_rows.column(name) for name in ("owned", "source_kept", "source_reason", "rule")), strict=True)
    return [
        REPEATED if not owned else reason if not kept else f"{BELOW}{rule}" if rule is not None else NOT_CHOSEN
        for owned, kept, reason, rule in rows
    ]
