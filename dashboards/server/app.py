"""The dashboard's pages, one line a page; `rollmill dashboard` serves them (serve.py)."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import streamlit as st

from dashboards.session.address import PAGES
from dashboards.session.commands import admit, may_write, why_not
from dashboards.session.scope import guarded

SIDEBAR_WIDTH = 210  # pixels
HERE = Path(__file__).parent  # a named icon would be fetched from another host
MENU = {  # in the order of the menu: the page's module, its icon
    "Home": ("home", "home"),
    "New run": ("start", "add_circle"),
    "Runs": ("runs", "play_circle"),
    "Schedules": ("schedules", "schedule"),
    "Datasets": ("datasets", "inventory_2"),
    "Diff": ("diff", "difference"),
    "Explore": ("explore", "search"),
    "Compare": ("compare", "leaderboard"),
    "Difficulty": ("difficulty", "bar_chart"),
    "Review": ("review", "fact_check"),
    "Verifiers": ("verifiers", "gavel"),
    "Claims": ("claims", "science"),
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
            guarded(import_module(f"dashboards.pages.{module}").show),
            title=name,
            url_path=FIRST_PATH if name == "Home" else name.lower().split()[0],
            icon=f":material/{icon}:",
            default=name == first,
        )
        for name, (module, icon) in MENU.items()
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
