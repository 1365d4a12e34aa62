"""The dashboard's pages; `rollmill dashboard` serves them (serve.py)."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from dashboards import (
    page_budgets,
    page_claims,
    page_compare,
    page_datasets,
    page_difficulty,
    page_overview,
    page_problems,
    page_review,
)
from dashboards.commands import admit, may_write, why_not
from dashboards.scope_choice import guarded

ICON = Path(__file__).with_name("icon.png")  # a named icon would be fetched from another host
HOME = "home"


def _page(show: Callable[[], None], name: str, icon: str, *, home: bool = False) -> "st.Page":
    """A page of the sidebar; the one that opens first has no path of its own."""
    path = HOME if home else name.lower()
    return st.Page(guarded(show), title=name, url_path=path, icon=f":material/{icon}:", default=home)


st.set_page_config(page_title="Rollmill", page_icon=str(ICON), layout="wide")
admit()
if not may_write():
    st.sidebar.caption(why_not())
st.navigation(
    [
        _page(page_overview.show, "Overview", "monitoring", home=True),
        st.Page(guarded(page_overview.show), title="Overview", url_path="overview", visibility="hidden"),
        _page(page_datasets.show, "Datasets", "inventory_2"),
        _page(page_compare.show, "Compare", "leaderboard"),
        _page(page_problems.show, "Problems", "quiz"),
        _page(page_difficulty.show, "Difficulty", "bar_chart"),
        _page(page_budgets.show, "Budgets", "savings"),
        _page(page_review.show, "Review", "fact_check"),
        _page(page_claims.show, "Claims", "science"),
    ]
).run()
