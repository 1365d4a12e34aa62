"""The dashboard's pages, one line a page; `rollmill dashboard` serves them (serve.py)."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.server.warm import WARMER
from rollmill.dashboards.session.address import PAGES, link
from rollmill.dashboards.session.commands import admit, forget_clicks, may_write, read_only_reason
from rollmill.dashboards.session.parameters import show_unknown_parameters
from rollmill.dashboards.session.scope import guarded
from rollmill.ground.errors import unknown_name

SIDEBAR_WIDTH = 210  # pixels
HERE = Path(__file__).parent  # a named icon would be fetched from another host
MENU = {  # in the order of the menu: the page's module, its icon
    "Home": ("home", "home"),
    "New run": ("start", "add_circle"),
    "Runs": ("runs", "play_circle"),
    "Schedules": ("schedules", "schedule"),
    "Datasets": ("datasets", "inventory_2"),
    "Models": ("models", "model_training"),
    "Diff": ("diff", "difference"),
    "Explore": ("explore", "search"),
    "Compare": ("compare", "leaderboard"),
    "Difficulty": ("difficulty", "bar_chart"),
    "Review": ("review", "fact_check"),
    "Verifiers": ("verifiers", "gavel"),
    "Claims": ("claims", "science"),
    "Papers": ("papers", "menu_book"),
}
MOVED = {
    "home": ("Home", {}),
    "start": ("New run", {}),
    "overview": ("Runs", {}),
    "problems": ("Explore", {}),
    "budgets": ("Difficulty", {"view": "Budget"}),
}  # addresses of before, and of what people type: what took their place
FIRST_PATH = "first"  # the page that opens first has no path: what is given is not used, and may be nobody else's
PAGE_OF = {name.lower().split()[0]: name for name in MENU}  # by its path
PATHS = frozenset(("", *PAGE_OF, *MOVED))  # every address of a page
UNKNOWN = "unknown-page"  # the path at which the session began, where no page has it


def main(first: str = "Home") -> None:
    """Draw the page that the address names; `first` is the one without a path."""
    st.set_page_config(
        page_title="Rollmill", page_icon=str(HERE / "icon.png"), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
    )
    st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "icon.png"), size="large")
    first_path = f"{FIRST_PATH}-page" if _unknown_path() == FIRST_PATH else FIRST_PATH
    pages = {
        name: st.Page(
            guarded(_with_parameters(name, import_module(f"rollmill.dashboards.pages.{module}").show)),
            title=name,
            url_path=first_path if name == "Home" else path,
            icon=f":material/{icon}:",
            default=name == first,
        )
        for path, name in PAGE_OF.items()
        for module, icon in [MENU[name]]
    }
    st.session_state[PAGES] = pages
    st.html(HERE / "look.css")
    # Streamlit sets it below the root, where its dialogs and menus are not.
    st.html(f"<style>:root {{ color-scheme: {st.context.theme.type or 'normal'}; }}</style>")
    if not may_write():
        st.sidebar.caption(read_only_reason())
    hidden = [_moved(old, pages[new], more) for old, (new, more) in MOVED.items()]
    if path := _unknown_path():
        show = guarded(_no_such_page(path))
        hidden.append(st.Page(show, title="No such page", url_path=path, visibility="hidden"))
    page = st.navigation([*pages.values(), *hidden], expanded=True)
    if WARMER.progress is not None:
        with st.sidebar:
            st.fragment(_preparing, run_every="2s")()
    with WARMER.visit():
        page.run()
    forget_clicks()


def _with_parameters(name: str, show: Callable[[], None]) -> Callable[[], None]:
    """The page, below a message about misspelt parameters in its address."""

    def page() -> None:
        show_unknown_parameters(name)
        show()

    return page


def _preparing() -> None:
    """Indicator of the view computed in advance; the page is drawn again when none is left."""
    if (now := WARMER.progress) is None:
        st.rerun()
    else:
        st.caption(f"Preparing {now.place} of {now.total}: {inert(now.words)}")


def _unknown_path() -> str:
    """The path of the session's first address if no page has it; empty otherwise."""
    if UNKNOWN not in st.session_state:
        path = unquote(urlsplit(st.context.url or "").path).strip("/")
        st.session_state[UNKNOWN] = "" if path in PATHS else path
    return str(st.session_state[UNKNOWN])


def _no_such_page(path: str) -> Callable[[], None]:
    def show() -> None:
        st.title("No such page")
        st.error("404: the address names no page of this dashboard.")
        st.code(visible(str(unknown_name("page", path, PAGE_OF))), language=None, wrap_lines=True)
        near = PAGE_OF[next(iter(get_close_matches(path.lower(), PAGE_OF, n=1)), "home")]
        link(near, f"Open {near}", f":material/{MENU[near][1]}:")

    return show


def _moved(old: str, page: "st.Page", more: Mapping[str, str]) -> "st.Page":
    def go() -> None:
        st.switch_page(page, query_params={**{key: st.query_params.get_all(key) for key in st.query_params}, **more})

    return st.Page(go, title=page.title, url_path=old, visibility="hidden")


if __name__ == "__main__":
    admit()
    main()
