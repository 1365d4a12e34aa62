"""Explore: every problem and rollout of a run or version, by facets, charts and text; one opens in a right drawer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from rollmill.dashboards.pages.explore.charts import PICK, correct_chart, outcome_chart
from rollmill.dashboards.pages.explore.drawer import Place, show_drawer
from rollmill.dashboards.pages.explore.filters import (
    choice_of_address,
    counted_over,
    filters_of_address,
    put,
    show_errors,
    show_facets,
    toggle,
)
from rollmill.dashboards.pages.explore.grouping import choose_groups, chosen_groups, show_heat_map
from rollmill.dashboards.pages.explore.table import choose_columns, show_table, shown_columns
from rollmill.dashboards.pages.explore.views import show_views
from rollmill.dashboards.session.export_matches import export_matches
from rollmill.dashboards.session.kept import index_of, kept
from rollmill.dashboards.session.scope import choose_scope
from rollmill.metrics import NO_RATES
from rollmill.storage.queries import ORDERS, Filters, Listing, Matching, Scope
from rollmill.storage.queries.browse.explore import FacetCount, FacetValue, ProblemPage, RolloutPage, Rows
from rollmill.storage.queries.browse.explore_index import Within

if TYPE_CHECKING:
    import pyarrow as pa
    from streamlit.delta_generator import DeltaGenerator

SIZE = 25
UNRATED = "0 of 0"  # of a problem without a judged rollout in the rate's prefix


@dataclass(frozen=True, slots=True)
class Overview:
    """Controls and texts around a page of matches. `group`, `second`: the facets that the charts group by, the latter may
    be "".
    """

    facets: dict[str, tuple[FacetValue, ...]]
    group: str
    second: str
    outcomes: tuple[FacetCount, ...]


def show() -> None:
    """Draw the page."""
    st.title("Explore")
    scope = choose_scope()
    if scope is None:
        return
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    rows = _tabs(bar)
    filters = filters_of_address()
    overview = kept(_overview, scope, filters, rows, st.query_params.get("rowsby"), st.query_params.get("colsby"))
    show_facets(overview.facets, filters, rows, scope)
    wrong = show_errors(scope, filters, overview.facets)
    models = len(filters.model or overview.facets["model"])
    choose_groups(bar, overview.group, overview.second)
    if overview.second:
        show_heat_map(scope, filters, overview.group, overview.second, models)
    elif overview.outcomes:
        _charts(overview, filters, rows)
    listing = _listing(rows)
    page = kept(_page, scope, filters, rows, listing)
    if page.rows:
        over = f"{counted_over(scope, filters.over)} of {models} {'model' if models == 1 else 'models'}"
        _matches(page, rows, listing, over, overview)
    elif not wrong:
        st.info("Nothing matches. Remove a filter, or clear all of them in the sidebar.")
    if scope.prefix == 0 and filters.over == "prefix":
        st.caption(f"{NO_RATES} All completions can be counted in the sidebar, which measures nothing.")
    # The file is the same for all pages: turning a page must keep its link.
    whole = replace(listing, page=1)
    export_matches(rows, partial(_all, scope, filters, rows, whole), (scope.name, filters, whole))
    if problem := st.query_params.get("problem"):
        show_drawer(scope, problem, lambda wanted: kept(_place, scope, filters, _listing("problems"), wanted))


def compute_first(scope: Scope) -> None:
    """Compute what the page shows of a scope at first."""
    kept(_overview, scope, Filters(), "problems", None, None)
    kept(_page, scope, Filters(), "problems", Listing(size=SIZE))


@contextmanager
def _matching(scope: Scope, filters: Filters) -> Iterator[Matching]:
    index = index_of(scope)
    with index.cursor() as cursor:
        yield Matching(index, cursor, filters)


@contextmanager
def _all(scope: Scope, filters: Filters, rows: Rows, listing: Listing) -> Iterator["pa.RecordBatchReader"]:
    with _matching(scope, filters) as matching:
        yield matching.batches(rows, listing)


def _overview(scope: Scope, filters: Filters, rows: Rows, rowsby: str | None, colsby: str | None) -> Overview:
    with _matching(scope, filters) as matching:
        facets = matching.facets(rows)
        group, second = chosen_groups(facets, rowsby, colsby)
        return Overview(facets, group, second, matching.by_outcome(group))


def _page(scope: Scope, filters: Filters, rows: Rows, listing: Listing) -> ProblemPage | RolloutPage:
    with _matching(scope, filters) as matching:
        return matching.problems(listing) if rows == "problems" else matching.rollouts(listing)


def _place(scope: Scope, filters: Filters, listing: Listing, problem: str) -> Place | None:
    with _matching(scope, filters) as matching:
        return matching.place(problem, listing)


def _tabs(bar: "DeltaGenerator") -> Rows:
    """Problems or rollouts, the search text, and views."""
    rows: Rows = choice_of_address("rows", Rows)
    st.session_state["explore-rows"] = rows
    bar.segmented_control(
        "Rows",
        ["problems", "rollouts"],
        format_func=str.capitalize,
        key="explore-rows",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: put(rows=st.session_state["explore-rows"], sort="", down="", cols=""),
    )
    within: Within = choice_of_address("within", Within)
    st.session_state["explore-text"] = st.query_params.get("text", "")
    bar.text_input(
        "Text",
        key="explore-text",
        placeholder=f"Text or id in {within}",
        label_visibility="collapsed",
        icon=":material/search:",
        on_change=lambda: put(text=st.session_state["explore-text"]),
        width=260,
    )
    with bar.popover("Search in, views"):
        st.session_state["explore-within"] = within
        st.radio(
            "Look for the text in",
            ["problems", "completions"],
            key="explore-within",
            help="Completions: every text is read, which takes seconds per million.",
            on_change=lambda: put(within=st.session_state["explore-within"]),
        )
        show_views()
    return rows


def _charts(overview: Overview, filters: Filters, rows: Rows) -> None:
    values = overview.facets["correct"]
    rated = any(value.value != UNRATED for value in values)
    left, right = st.columns(2) if rated else (st.container(), None)
    # Another key for other filters: the clicked bar belonged to the chart before.
    mark = hash((filters, rows))
    with left:
        chosen = f"explore-chart-outcome-{mark}"
        st.altair_chart(
            outcome_chart(overview.outcomes, overview.group),
            key=chosen,
            on_select=lambda: _picked(chosen, {"value": overview.group, "outcome": "outcome"}),
            selection_mode=PICK,
        )
    if right is None:
        return
    with right:
        of = f"explore-chart-correct-{mark}"
        st.altair_chart(
            correct_chart(values, filters.correct, rows),
            key=of,
            on_select=lambda: _picked(of, {"correct of judged": "correct"}),
            selection_mode=PICK,
        )


def _picked(key: str, facets: dict[str, str]) -> None:
    """Choose the filters of a clicked bar."""
    for point in st.session_state[key]["selection"][PICK]:
        for field, facet in facets.items():
            if field in point and point[field] not in st.query_params.get_all(facet):
                toggle(facet, str(point[field]))


def _listing(rows: Rows) -> Listing:
    by, page = st.query_params.get("sort", "level"), st.query_params.get("page", "1")
    return Listing(
        int(page[:9]) if page.isdecimal() else 1,
        SIZE,
        by if by in ORDERS[rows] else "level",
        st.query_params.get("down") == "yes",
    )


def _matches(page: ProblemPage | RolloutPage, rows: Rows, listing: Listing, over: str, overview: Overview) -> None:
    """The page of matches under their number."""
    columns = shown_columns(rows, page, overview.facets)
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{page.total:,}** {rows} match" if page.total > 1 else f"**1** {rows[:-1]} matches")
        choose_columns(rows, columns)
        if page.pages > 1:
            number = f"explore-page-{hash((page.total, rows, listing))}"
            st.pagination(page.pages, default=page.page, key=number, on_change=lambda: _to(st.session_state[number]))
    show_table(page, rows, listing, columns)
    st.caption(_caption(page, listing, columns, over))


def _to(page: int) -> None:
    st.query_params["page"] = str(page)


def _caption(page: ProblemPage | RolloutPage, listing: Listing, columns: Sequence[str], over: str) -> str:
    words = (
        f"Sorted by {listing.by}{', largest first' if listing.descending else ''}. A heading sorts all matches. A row "
        "opens by a click, or by Enter where the arrow keys have led."
    )
    if isinstance(page, RolloutPage):
        return words
    if {"correct", "pass rate"} & set(columns) and any(row.judged for row in page.rows):
        words += f" k of n and pass rate are {over}."
    if "shrunken" in columns and page.fitted:
        words += (
            f" Shrunken: posterior mean under Beta({page.prior.a:.2f}, {page.prior.b:.2f}), fitted by maximum likelihood "
            f"to {page.fitted:,} judged problems (empirical Bayes): for reading single problems. To claim that selected "
            "problems are hard, use completions drawn after the selection."
        )
    return words
