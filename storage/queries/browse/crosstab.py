"""Matches by two facets: for each pair of values its problems, rollouts and pass rate, as a table or a heat map shows them.

The choices made in the two facets themselves are ignored, so that the other cells stay in sight. A rate is that of
`rollmill.metrics.pass_rates`: of the measured rollouts, each problem with the same weight. There is none if
verdicts, or what followed from them, chose the rollouts: it would measure the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rollmill.metrics import NO_RATES, Counts, GroupRate, pass_rates
from rollmill.storage.queries.browse.explore import FACETS, NONE, Filters, Matching
from rollmill.storage.queries.browse.explore_index import ExploreIndex

if TYPE_CHECKING:
    import duckdb

MOST = 12  # values of each facet
RESULTS = ("outcome", "rule", "reason", "kept", "correct")
"""Facets that are known only after the verdicts."""
_CROSSED = """
CREATE TEMP TABLE crossed AS
SELECT {row} AS row_value, {column} AS column_value, problem, any_value(template)::VARCHAR AS template,
       sum(n)::BIGINT AS rollouts, coalesce(sum(n) FILTER (kept = 'yes'), 0)::BIGINT AS kept,
       coalesce(sum(correct) FILTER (measured), 0)::BIGINT AS correct,
       coalesce(sum(judged) FILTER (measured), 0)::BIGINT AS judged,
       coalesce(sum(n) FILTER (measured AND outcome = 'undecided'), 0)::BIGINT AS undecided
FROM matching GROUP BY ALL
"""
_VALUES = "SELECT {side}_value, sum(rollouts)::BIGINT FROM crossed GROUP BY ALL"
_SHOWN = """
SELECT list_position($rows, row_value) - 1 AS at_row, list_position($columns, column_value) - 1 AS at_column,
       template, correct, judged, undecided, rollouts, kept
FROM crossed WHERE list_contains($rows, row_value) AND list_contains($columns, column_value) ORDER BY problem
"""


@dataclass(frozen=True, slots=True)
class CrosstabCell:
    """The matches with one value of each facet. `rate`: None if nothing is measured, or no rate may be shown."""

    row: str
    column: str
    problems: int
    rollouts: int
    rate: GroupRate | None


@dataclass(frozen=True, slots=True)
class Crosstab:
    """The cells that have matches, and the values of both facets in order, at most MOST of each: those with the most
    rollouts. `more_rows`, `more_columns`: the number of values left out. `no_rates`: why no cell has a rate, or "".
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    more_rows: int
    more_columns: int
    cells: tuple[CrosstabCell, ...]
    no_rates: str


def crosstab(index: ExploreIndex, filters: Filters, rows: str, columns: str) -> Crosstab:
    """The matches of the filters by two different facets."""
    if rows == columns or not {rows, columns} <= set(FACETS):
        raise ValueError(f"no two facets: {rows!r} and {columns!r}")
    others = without(filters, rows, columns)
    with index.cursor() as cursor:
        # Makes the temporary table `matching` in this cursor, which the next query reads.
        Matching(index, cursor, others)
        cursor.execute(_CROSSED.format(row=_text_of(rows), column=_text_of(columns)))
        (of_rows, more_rows), (of_columns, more_columns) = (
            _values(cursor, side, facet) for side, facet in (("row", rows), ("column", columns))
        )
        table = cursor.sql(_SHOWN, params={"rows": of_rows, "columns": of_columns}).to_arrow_table()
    numbers = {name: np.asarray(table[name], dtype=np.int64) for name in table.column_names if name != "template"}
    # As in pass_rates by template: the problems of one are what is sampled, and a template alone is one cluster.
    clusters = [None] * len(table) if "template" in (rows, columns) else table["template"].to_pylist()
    # Both places are below MOST, so one number names the cell.
    places = (numbers.pop("at_row") * MOST + numbers.pop("at_column")).tolist()
    # By the other filters and the two facets: the choices in these were taken out.
    why = no_rates_reason(index.scope.prefix, others, (rows, columns))
    cells = []
    for rate in pass_rates(Counts(clusters, {"cell": places}, **numbers), "cell"):
        at_row, at_column = divmod(int(str(rate.group)), MOST)
        shown = None if why or rate.estimate is None else rate
        cells.append(CrosstabCell(of_rows[at_row], of_columns[at_column], rate.problems, rate.rollouts, shown))
    return Crosstab(tuple(of_rows), tuple(of_columns), more_rows, more_columns, tuple(cells), why)


def without(filters: Filters, *facets: str) -> Filters:
    """The filters without their choices in these facets."""
    nothing: dict[str, Any] = dict.fromkeys(facets, ())
    return replace(filters, **nothing)


def no_rates_reason(prefix: int | None, filters: Filters, facets: Sequence[str]) -> str:
    """The reason why matches grouped by these facets have no pass rate; "" if they have one.

    `prefix`: that of the scope.
    """
    if prefix == 0:
        return NO_RATES
    if filters.over == "all" and prefix is not None:
        return f"No rates over all completions: those beyond the first {prefix} were drawn because of earlier verdicts."
    chosen = [facet for facet in RESULTS if facet in facets or getattr(filters, facet)]
    chosen += ["the pass rate"] if filters.lowest is not None or filters.highest is not None else []
    chosen += ["the text of completions"] if filters.text.strip() and filters.within == "completions" else []
    if not chosen:
        return ""
    names = ", ".join("k of n" if name == "correct" else name for name in chosen)
    return f"No rates: rollouts chosen by results ({names}) would give a rate of the choice."


def _text_of(facet: str) -> str:
    value = "k || ' of ' || of" if facet == "correct" else f"{facet}::VARCHAR"
    return f"coalesce({value}, '{NONE}')"


def _values(cursor: "duckdb.DuckDBPyConnection", side: str, facet: str) -> tuple[list[str], int]:
    """The values of one side in order, those with the most rollouts, and the number of the others."""
    counts: Mapping[str, int] = dict(cursor.execute(_VALUES.format(side=side)).fetchall())
    frequent = sorted(counts, key=lambda value: (-counts[value], value))
    return sorted(frequent[:MOST], key=lambda value: _place(facet, value, counts[value])), len(frequent[MOST:])


def _place(facet: str, value: str, count: int) -> tuple[Any, ...]:
    """Sort key of a value: levels and k of n in their order, else the most frequent first; NONE last."""
    if value == NONE:
        return (1,)
    if facet == "level":
        return 0, int(value)
    if facet == "correct":
        # By n, then by k, as in the facet itself.
        return (0, *reversed([int(number) for number in value.split(" of ")]))
    return 0, -count, value
