"""Problems: search, filter and sort them, and open one with all its rollouts. What is shown is in the address."""

import pandas as pd
import streamlit as st

from dashboards.address import selected
from dashboards.inert import one_line, visible
from dashboards.kept import kept
from dashboards.problem_detail import show_problem
from dashboards.scope_choice import choose_scope
from storage.queries import (
    ORDERS,
    Filters,
    Listing,
    ProblemPage,
    ProblemRow,
    Scope,
    choices,
    models_of,
    problem_detail,
    search_problems,
)
from storage.queries.problems import OUTCOME_FILTERS
from storage.records import Prompt

ROW_HEIGHT = 35  # pixels of a row as Streamlit draws it, so that a page needs no inner scrolling
COLUMNS = {
    "problem": st.column_config.TextColumn(width=420),
    "pass rate": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="%.2f", width="small"),
    "shrunken": st.column_config.NumberColumn(
        format="%.2f",
        width="small",
        help="The pass rate drawn towards those of the other problems (empirical Bayes). 0 of 8 does not mean never.",
    ),
    "reference": st.column_config.TextColumn(width="small"),
}
ANY = "any"
TABLE = "problems-table"


def show() -> None:
    """Draw the page."""
    st.title("Problems")
    scope = choose_scope()
    if scope is None:
        return
    filters, (by, descending) = _filters(scope), _order()
    asked = (scope.name, filters, by, descending)
    if st.session_state.get("problems-asked", asked) != asked:
        st.session_state["page"] = 1
    st.session_state["problems-asked"] = asked
    page = kept(search_problems, scope, filters, Listing(_page_asked(), by=by, descending=descending))
    chosen = selected("problem", _list(page, scope, Listing(by=by, descending=descending), filters))
    if chosen:
        show_problem(problem_detail(scope, chosen), scope)


def _filters(scope: Scope) -> Filters:
    side = st.sidebar

    def one_of(label: str, key: str, options: list[str]) -> str | None:
        chosen = side.selectbox(label, [ANY, *options], key=key, bind="query-params", format_func=visible)
        return None if chosen in (ANY, None) else str(chosen)

    text = side.text_input("Text in the problem", key="text", bind="query-params")
    level = one_of("Level", "level", [str(level) for level in kept(choices, scope, "level")])
    skill = one_of("Skill", "skill", kept(choices, scope, "skill"))
    template = one_of("Template", "template", kept(choices, scope, "template"))
    outcome = one_of("Has a rollout that is", "outcome", list(OUTCOME_FILTERS))
    low, high = side.slider(
        f"Pass rate {_over(scope)}",
        0.0,
        1.0,
        (0.0, 1.0),
        step=0.05,
        key="rate",
        bind="query-params",
        disabled=scope.prefix == 0,
        help="The same rate as in the table: of what was fixed before any verdict. Problems without one match no band.",
    )
    band = (low if low > 0 else None, high if high < 1 else None)
    return Filters(text or "", None if level is None else int(level), skill, template, outcome, *band)


def _over(scope: Scope) -> str:
    """What the pass rates of a scope are over, in a few words."""
    if scope.prefix == 0:
        return "(none: draws followed from verdicts)"
    arm = f" of arm {visible(scope.arm)}" if scope.arm else ""
    return "over all completions" if scope.prefix is None else f"over the first {scope.prefix} completions{arm}"


def _order() -> tuple[str, bool]:
    by = st.sidebar.selectbox("Sort by", list(ORDERS), key="sort", bind="query-params")
    descending = st.sidebar.toggle("Largest first", key="down", bind="query-params")
    return str(by), bool(descending)


def _page_asked() -> int:
    asked = st.session_state.get("page") or st.query_params.get("page", "1")
    return int(asked) if str(asked).isdecimal() else 1


def _list(page: ProblemPage, scope: Scope, listing: Listing, filters: Filters) -> str | None:
    """The page of matches; the id of the row that the person selected."""
    if not page.rows:
        st.info("No problem matches. Widen the filters in the sidebar.")
        return None
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.caption(f"{page.total:,} problems match. Select a row to open it; a column's head sorts all of them.")
        number = st.session_state.get("page")
        if number is not None and number > page.pages:
            st.session_state["page"] = page.pages
        if page.pages > 1:
            number = st.pagination(page.pages, key="page", bind="query-params")
            if number != page.page:  # the address named a page that does not exist
                page = kept(search_problems, scope, filters, Listing(number, by=listing.by, descending=listing.descending))
    key = f"{TABLE}-{hash((scope.name, filters, listing, page.page))}"
    event = st.dataframe(
        _table(page.rows),
        hide_index=True,
        width="stretch",
        height=ROW_HEIGHT * (len(page.rows) + 1) + 2,
        column_config=COLUMNS,
        on_select=lambda: _sort(key),
        selection_mode=["single-row", "single-column"],
        key=key,
    )
    models = len(kept(models_of, scope))
    pooled = f" Rates pool the rollouts of {models} models; Difficulty shows them by model." if models > 1 else ""
    st.caption(f"Pass rates are {_over(scope)}. {_shrinkage(page)}{pooled}")
    rows = event["selection"]["rows"]
    return page.rows[rows[0]].id if rows and rows[0] < len(page.rows) else None


def _sort(key: str) -> None:
    """Sort all matches by the column whose head was clicked; the other way round when it was clicked before."""
    for column in st.session_state[key]["selection"]["columns"]:
        if column in ORDERS:
            st.session_state["down"] = st.session_state.get("sort") == column and not st.session_state.get("down")
            st.session_state["sort"] = column


def _shrinkage(page: ProblemPage) -> str:
    prior = page.prior
    return (
        f"Shrunken: posterior mean of each problem's pass rate under Beta({prior.a:.2f}, {prior.b:.2f}), fitted by maximum "
        f"likelihood to the {page.fitted:,} judged problems here (empirical Bayes). For reading single problems; to claim "
        "that selected problems are hard, use completions drawn after the selection."
    )


def _table(rows: tuple[ProblemRow, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [_one_line(row.prompt) for row in rows],
            "reference": [one_line(row.reference) for row in rows],
            "pass rate": [row.rate for row in rows],
            "shrunken": [row.shrunken for row in rows],
            "judged": [row.judged for row in rows],
            "rollouts": [row.rollouts for row in rows],
            "kept": [row.kept for row in rows],
            "level": [row.level for row in rows],
            "skill": [_name(row.skill) for row in rows],
            "template": [_name(row.template) for row in rows],
            "id": [row.id for row in rows],
        }
    )


def _one_line(prompt: Prompt) -> str:
    """The beginning of a prompt, as much as a table's row shows."""
    text = prompt if isinstance(prompt, str) else " ".join(message.content[:1000] for message in prompt)
    return one_line(text[:1000], 160)


def _name(text: str | None) -> str | None:
    return None if text is None else visible(text)
