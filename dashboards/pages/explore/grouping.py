"""Groups of Explore: the one or two facets that the matches are divided by, and the heat map of two."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.explore.charts import FEW, PICK, Theme, heat_map
from rollmill.dashboards.pages.explore.filters import NAMES, counted_over, put
from rollmill.dashboards.session.kept import index_of, kept
from rollmill.storage.queries import Filters, Scope
from rollmill.storage.queries.browse.crosstab import MOST, Crosstab, crosstab, without
from rollmill.storage.queries.browse.explore import FACETS, FacetValue

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

GROUPS = ("level", "model", "source", "skill", "template")  # of the chart of outcomes: the first one with several values


def chosen_groups(facets: Mapping[str, Sequence[FacetValue]], rowsby: str | None, colsby: str | None) -> tuple[str, str]:
    """The facet that the matches are grouped by, and the second one of the heat map, or "". `rowsby`, `colsby`: those of
    the address.
    """
    by = rowsby if rowsby in FACETS else next((name for name in GROUPS if len(facets[name]) > 1), "level")
    return str(by), colsby if colsby in FACETS and colsby != by else ""


def choose_groups(bar: "DeltaGenerator", by: str, second: str) -> None:
    """Draw the two boxes that choose the groups."""
    for parameter, label, options, chosen in (
        ("rowsby", "by", FACETS, by),
        ("colsby", "and by", ("", *(facet for facet in FACETS if facet != by)), second),
    ):
        key = f"explore-{parameter}"
        st.session_state[key] = chosen
        bar.selectbox(
            f"Groups: {label}",
            options,
            key=key,
            format_func=partial(_group, label),
            on_change=_chosen,
            args=(parameter,),
            label_visibility="collapsed",
            width=190,
        )


def _group(label: str, facet: str) -> str:
    return f"{label} {NAMES.get(facet, facet)}" if facet else "by nothing else"


def _chosen(parameter: str) -> None:
    put(**{parameter: st.session_state[f"explore-{parameter}"]})


def show_heat_map(scope: Scope, filters: Filters, by: str, second: str, models: int) -> None:
    """Draw the heat map of two facets with a note on its numbers; a click on a cell filters, a second one removes the
    filter.
    """
    # The choices in both facets are left out of the key as of the table: a click on a cell asks nothing anew.
    table = kept(_crosstab, scope, without(filters, by, second), by, second)
    if not table.cells:
        return
    chosen = tuple(values[0] for facet in (by, second) if len(values := getattr(filters, facet)) == 1)
    pair = (str(chosen[0]), str(chosen[1])) if len(chosen) == 2 else None
    theme: Theme = "dark" if st.context.theme.type == "dark" else "light"
    key = f"explore-heat-{hash((filters, by, second))}"
    st.altair_chart(
        heat_map(table, NAMES.get(by, by), NAMES.get(second, second), pair, theme),
        key=key,
        on_select=lambda: _picked(key, by, second, pair),
        selection_mode=PICK,
    )
    st.caption(_caption(table, scope, filters, by, second, models))


def _crosstab(scope: Scope, filters: Filters, rows: str, columns: str) -> Crosstab:
    return crosstab(index_of(scope), filters, rows, columns)


def _picked(key: str, by: str, second: str, pair: tuple[str, str] | None) -> None:
    """Choose both values of the clicked cell, or neither if they were chosen."""
    for point in st.session_state[key]["selection"][PICK]:
        cell = (str(point["row"]), str(point["column"]))
        put(**dict.fromkeys((by, second), "")) if cell == pair else put(**dict(zip((by, second), cell, strict=True)))


def _caption(table: Crosstab, scope: Scope, filters: Filters, by: str, second: str, models: int) -> str:
    if table.no_rates:
        words = f"{inert(table.no_rates, 400)} Cells show numbers of rollouts."
    else:
        pooled = "" if "model" in (by, second) or models < 2 else f" of {models} models together"
        words = (
            f"Pass rates {counted_over(scope, filters.over)}{pooled}; each problem weighs the same. n: judged problems; "
            f"cells with fewer than {FEW} are not filled."
        )
    left_out = [
        f"the {MOST} of {MOST + more:,} values of {NAMES.get(facet, facet)} with the most rollouts"
        for facet, more in ((by, table.more_rows), (second, table.more_columns))
        if more
    ]
    shown = f" Shown: {' and '.join(left_out)}." if left_out else ""
    return f"{words}{shown} A click on a cell chooses its rollouts, another click all again."
