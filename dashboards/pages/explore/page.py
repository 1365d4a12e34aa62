"""Explore: every problem and rollout of a run or version, by facets, charts and text; one opens in a right drawer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboards.inert import one_line
from dashboards.pages.explore.charts import PICK, correct_chart, outcome_chart
from dashboards.pages.explore.drawer import Place, show_drawer
from dashboards.pages.explore.filters import choice_of_address, counted_over, filters_of_address, put, show_facets, toggle
from dashboards.pages.explore.views import show_views
from dashboards.session.export_matches import export_matches
from dashboards.session.kept import index_of, kept
from dashboards.session.scope import choose_scope
from pipelines.metrics import NO_RATES
from storage.queries import ORDERS, Filters, Listing, Matching, Scope
from storage.queries.browse.explore import FacetCount, FacetValue, ProblemPage, RolloutPage, Rows
from storage.queries.browse.explore_index import Within

if TYPE_CHECKING:
    import pyarrow as pa

ROW_HEIGHT = 35  # pixels of a row in Streamlit, so that a page needs no inner scrolling
SIZE = 25
NAMED = ("model", "source", "skill", "template")  # columns left out if they have one value
RATED = ("correct", "pass rate")  # columns without meaning for a scope without rates
UNRATED = "0 of 0"  # of a problem without a judged rollout in the rate's prefix
GROUPS = (
    "level",
    "model",
    "source",
    "skill",
    "template",
)  # groups of the chart of outcomes: the first one with several values
SMALL = 72
COLUMNS: dict[str, Any] = {
    "problem": st.column_config.TextColumn(width=230),
    "answer": st.column_config.TextColumn(width=110),
    "reference": st.column_config.TextColumn(width=100),
    "correct": st.column_config.TextColumn("k of n", width=SMALL, help="correct of judged rollouts"),
    "pass rate": st.column_config.ProgressColumn(width=96, min_value=0.0, max_value=1.0, format="%.2f"),
    "shrunken": st.column_config.NumberColumn(
        format="%.2f",
        width=SMALL,
        help="The pass rate drawn towards those of the other problems (empirical Bayes). 0 of 8 does not mean never.",
    ),
    "matching": st.column_config.NumberColumn(width=SMALL, help="rollouts that match the filters"),
    **{name: st.column_config.NumberColumn(width=SMALL) for name in ("level", "rollouts", "kept", "tokens", "sample")},
    "reason": st.column_config.TextColumn(width=130),
    **{name: st.column_config.TextColumn(width=110) for name in ("outcome", "model", "rule", "source")},
    **{name: st.column_config.TextColumn(width=90) for name in ("skill", "template", "id", "kept rollout")},
}


@dataclass(frozen=True, slots=True)
class Overview:
    """Contents beside a page of matches."""

    facets: dict[str, tuple[FacetValue, ...]]
    group: str
    outcomes: tuple[FacetCount, ...]


def show() -> None:
    """Draw the page."""
    st.title("Explore")
    scope = choose_scope()
    if scope is None:
        return
    rows = _tabs()
    filters = filters_of_address()
    overview = kept(_overview, scope, filters, rows)
    show_facets(overview.facets, filters, rows, scope)
    _charts(overview, filters, rows)
    listing = _listing(rows)
    page = kept(_page, scope, filters, rows, listing)
    models = filters.model or [value.value for value in overview.facets["model"]]
    over = f"{counted_over(scope, filters.over)} of {len(models)} {'model' if len(models) == 1 else 'models'}"
    _table(page, rows, listing, over, overview)
    if scope.prefix == 0 and filters.over == "prefix":
        st.caption(f"{NO_RATES} All completions can be counted in the sidebar, which measures nothing.")
    # The file is the same for all pages: turning a page must keep its link.
    whole = replace(listing, page=1)
    export_matches(rows, partial(_all, scope, filters, rows, whole), (scope.name, filters, whole))
    if problem := st.query_params.get("problem"):
        show_drawer(scope, problem, lambda wanted: kept(_place, scope, filters, _listing("problems"), wanted))


def compute_first(scope: Scope) -> None:
    """Compute what the page shows of a scope at first."""
    kept(_overview, scope, Filters(), "problems")
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


def _overview(scope: Scope, filters: Filters, rows: Rows) -> Overview:
    with _matching(scope, filters) as matching:
        facets = matching.facets(rows)
        group = next((name for name in GROUPS if len(facets[name]) > 1), "level")
        return Overview(facets, group, matching.by_outcome(group))


def _page(scope: Scope, filters: Filters, rows: Rows, listing: Listing) -> ProblemPage | RolloutPage:
    with _matching(scope, filters) as matching:
        return matching.problems(listing) if rows == "problems" else matching.rollouts(listing)


def _place(scope: Scope, filters: Filters, listing: Listing, problem: str) -> Place | None:
    with _matching(scope, filters) as matching:
        return matching.place(problem, listing)


def _tabs() -> Rows:
    """Problems or rollouts, the search text, and views."""
    rows: Rows = choice_of_address("rows", Rows)
    bar = st.container(horizontal=True, vertical_alignment="bottom")
    st.session_state["explore-rows"] = rows
    bar.segmented_control(
        "Rows",
        ["problems", "rollouts"],
        format_func=str.capitalize,
        key="explore-rows",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: put(rows=st.session_state["explore-rows"], sort="", down=""),
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
    if not overview.outcomes:
        return
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
        int(page) if page.isdecimal() else 1,
        SIZE,
        by if by in ORDERS[rows] else "level",
        st.query_params.get("down") == "yes",
    )


def _table(page: ProblemPage | RolloutPage, rows: Rows, listing: Listing, over: str, overview: Overview) -> None:
    """The page of matches; selecting a row opens it, clicking a column's head sorts all matches."""
    if not page.rows:
        st.info("Nothing matches. Remove a filter, or clear all of them in the sidebar.")
        return
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.markdown(f"**{page.total:,}** {rows} match" if page.total > 1 else f"**1** {rows[:-1]} matches")
        if page.pages > 1:
            number = f"explore-page-{hash((page.total, rows, listing))}"
            st.pagination(page.pages, default=page.page, key=number, on_change=lambda: _to(st.session_state[number]))
    places: list[dict[str, str]] = (
        [{"problem": row.id} for row in page.rows]
        if isinstance(page, ProblemPage)
        else [{"problem": row.problem_id, "rollout": row.completion_id} for row in page.rows]
    )
    openings = st.session_state.get("explore-opened", 0)
    # Increased when the drawer closes: under a new key no row is selected, so the same one can be opened again.
    key = f"explore-table-{hash((tuple(map(str, places)), rows, listing, openings))}"
    frame = _problems(page) if isinstance(page, ProblemPage) else _rollouts(page)
    alike = [name for name in NAMED if len(overview.facets[name]) < 2]  # the same in every row
    st.dataframe(
        frame.drop(columns=alike, errors="ignore"),
        hide_index=True,
        width="stretch",
        height=ROW_HEIGHT * (len(page.rows) + 1) + 2,
        column_config=COLUMNS,
        on_select=lambda: _selected(key, rows, places),
        selection_mode=["single-row", "single-column"],
        key=key,
    )
    st.caption(_caption(page, listing, over))


def _to(page: int) -> None:
    st.query_params["page"] = str(page)


def _selected(key: str, rows: Rows, places: list[dict[str, str]]) -> None:
    """Open a selected row's problem, or sort all matches by a column, reversed on a second click."""
    selection = st.session_state[key]["selection"]
    for column in selection["columns"]:
        by = "pass rate" if column == "correct" else column
        if by in ORDERS[rows]:
            same = st.query_params.get("sort", "level") == by
            put(sort=by, down="yes" if same and st.query_params.get("down") != "yes" else "")
    for row in selection["rows"]:
        st.query_params.update(places[row])


def _problems(page: ProblemPage) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "problem": [one_line(row.prompt, 160) for row in page.rows],
            "level": [row.level for row in page.rows],
            "correct": [f"{row.correct} of {row.judged}" for row in page.rows],
            "pass rate": [row.rate for row in page.rows],
            "reference": [one_line(row.reference, 80) for row in page.rows],
            "shrunken": [row.shrunken for row in page.rows],
            "matching": [row.matching for row in page.rows],
            "rollouts": [row.rollouts for row in page.rows],
            "kept": [row.kept for row in page.rows],
            "source": [_name(row.source) for row in page.rows],
            "skill": [_name(row.skill) for row in page.rows],
            "template": [_name(row.template) for row in page.rows],
            "id": [row.id for row in page.rows],
        }
    )
    unknown = [*(() if any(row.judged for row in page.rows) else RATED), *(() if page.fitted else ["shrunken"])]
    return frame.drop(columns=unknown)


def _rollouts(page: RolloutPage) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [one_line(row.prompt, 160) for row in page.rows],
            "outcome": [row.outcome for row in page.rows],
            "answer": [_name(row.answer) for row in page.rows],
            "model": [_name(row.model) for row in page.rows],
            "rule": [_name(row.rule) for row in page.rows],
            "reason": [_name(row.reason) for row in page.rows],
            "level": [row.level for row in page.rows],
            "tokens": [row.tokens for row in page.rows],
            "sample": [row.sample_index for row in page.rows],
            "source": [_name(row.source) for row in page.rows],
            "id": [row.completion_id for row in page.rows],
        }
    )


def _name(text: str | None) -> str | None:
    return None if text is None else one_line(text, 80)


def _caption(page: ProblemPage | RolloutPage, listing: Listing, over: str) -> str:
    order = f"Sorted by {listing.by}{', largest first' if listing.descending else ''}; a column's head sorts all of them."
    if isinstance(page, RolloutPage):
        return f"{order} Select a row to open it."
    if not page.fitted:
        counted = f" k of n and pass rate are {over}." if any(row.judged for row in page.rows) else ""
        return f"{order}{counted} Select a row to open it."
    return (
        f"{order} k of n and pass rate are {over}. Shrunken: posterior mean under "
        f"Beta({page.prior.a:.2f}, {page.prior.b:.2f}), fitted by maximum likelihood to {page.fitted:,} judged problems "
        "(empirical Bayes): for reading single problems. To claim that selected problems are hard, use completions drawn "
        "after the selection."
    )
