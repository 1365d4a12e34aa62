"""The dashboard's pages, one line a page; `rollmill dashboard` serves them (serve.py)."""

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from dashboards.pages import (
    claims,
    compare,
    datasets,
    diff,
    difficulty,
    explore,
    home,
    review,
    runs,
    schedules,
    verifiers,
)
from dashboards.session.address import PAGES
from dashboards.session.commands import admit, may_write, why_not
from dashboards.session.scope import guarded

SIDEBAR_WIDTH = 210  # pixels
HERE = Path(__file__).parent  # a named icon would be fetched from another host
MENU: dict[str, tuple[Callable[[], None], str]] = {  # in the order of the menu: what draws the page, its icon
    "Home": (home.show, "home"),
    "Runs": (runs.show, "play_circle"),
    "Schedules": (schedules.show, "schedule"),
    "Datasets": (datasets.show, "inventory_2"),
    "Diff": (diff.show, "difference"),
    "Explore": (explore.show, "search"),
    "Compare": (compare.show, "leaderboard"),
    "Difficulty": (difficulty.show, "bar_chart"),
    "Review": (review.show, "fact_check"),
    "Verifiers": (verifiers.show, "gavel"),
    "Claims": (claims.show, "science"),
}
MOVED = {
    "home": ("Home", {}),
    "overview": ("Runs", {}),
    "problems": ("Explore", {}),
    "budgets": ("Difficulty", {"view": "Budget"}),
}  # addresses of before: what took their place
WHOLE_LINKS = "<style>[data-testid='stPageLink'] p { white-space: normal; overflow: visible; }</style>"  # else they are cut
FIRST_PATH = "start"  # the page that opens first has no path: what is given is not used, and may be nobody else's


def main(first: str = "Home") -> None:
    """Draw the page that the address names, else the `first` one."""
    st.set_page_config(
        page_title="Rollmill", page_icon=str(HERE / "icon.png"), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
    )
    st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "icon.png"), size="large")
    pages = {
        name: st.Page(
            guarded(show),
            title=name,
            url_path=FIRST_PATH if name == "Home" else name.lower(),
            icon=f":material/{icon}:",
            default=name == first,
        )
        for name, (show, icon) in MENU.items()
    }
    st.session_state[PAGES] = pages
    st.html(WHOLE_LINKS)
    if not may_write():
        st.sidebar.caption(why_not())
    st.navigation(
        [*pages.values(), *(_moved(old, pages[new], more) for old, (new, more) in MOVED.items())], expanded=True
    ).run()


def _moved(old: str, page: "st.Page", more: Mapping[str, str]) -> "st.Page":
    def go() -> None:
        st.switch_page(page, query_params={**{key: st.query_params.get_all(key) for key in st.query_params}, **more})

    return st.Page(go, title=page.title, url_path=old, visibility="hidden")


if __name__ == "__main__":
    admit()
    main()
