"""The drawer of Explore: one problem next to the table, with keys for the previous and next match."""

from collections.abc import Callable

import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.dashboards.parts.problem import show_problem
from rollmill.dashboards.session.kept import index_of, kept_now
from rollmill.dashboards.units import counted
from rollmill.ground.errors import RollmillError
from rollmill.storage.queries import ProblemDetail, Scope, indexed_rollouts, problem_detail

Place = tuple[int, str | None, str | None, int]
"""Position of a problem among all matches, from 1, the ids of its neighbours, and the number of matches."""


def _closed() -> None:
    """Remove the problem from the address."""
    for name in ("problem", "rollout"):
        st.query_params.pop(name, None)


@st.dialog("Problem", width=880, position="right", on_dismiss=_closed)
def show_drawer(scope: Scope, problem: str, place: Callable[[str], Place | None]) -> None:
    """Draw the problem that the address names, else `problem`. Only the drawer is redrawn for another problem."""
    shown = st.query_params.get("problem", problem)
    at = place(shown)
    _keys(at)
    try:
        detail = kept_now(_detail, scope, shown)
    except RollmillError as error:
        st.code(visible(error), language=None, wrap_lines=True)
        return
    show_problem(detail, scope)


def _detail(scope: Scope, problem: str) -> ProblemDetail:
    return problem_detail(scope, problem, indexed_rollouts(index_of(scope), problem))


def _keys(at: Place | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, key, target in (("Previous", "Left", at and at[1]), ("Next", "Right", at and at[2])):
            st.button(
                label,
                key=f"drawer-{label}",
                shortcut=key,
                disabled=target is None,
                on_click=_open,
                args=(target,),
            )
        st.caption("Not among the matches" if at is None else f"problem {at[0]:,} of {counted(at[3], 'match', 'matches')}")


def _open(problem: str) -> None:
    st.query_params.pop("rollout", None)
    st.query_params["problem"] = problem
