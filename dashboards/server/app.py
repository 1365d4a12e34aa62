"""The dashboard with the pages of its menu; `rollmill dashboard` serves it (serve.py)."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.server.menu import MOVED, OWN_PAGES, is_path, menu, titles_by_path
from rollmill.dashboards.server.warm import WARMER
from rollmill.dashboards.session.address import PAGES, link
from rollmill.dashboards.session.commands import admit, forget_clicks, may_write, read_only_reason
from rollmill.dashboards.session.parameters import show_unknown_parameters
from rollmill.dashboards.session.scope import guarded
from rollmill.ground.by_name import object_at
from rollmill.ground.errors import unknown_name
from rollmill.page import Page, path_of

SIDEBAR_WIDTH = 210  # pixels
HERE = Path(__file__).parent  # a named icon would be fetched from another host
FIRST_PATH = "first"  # the page that opens first has no path: what is given is not used, and may be nobody else's
UNKNOWN = "unknown-page"  # the path at which the session began, where no page has it


def main(first: str = "Home") -> None:
    """Draw the page that the address names; `first` is the one without a path."""
    st.set_page_config(
        page_title="Rollmill", page_icon=str(HERE / "icon.png"), layout="wide", initial_sidebar_state=SIDEBAR_WIDTH
    )
    st.logo(str(HERE / "logo.svg"), icon_image=str(HERE / "icon.png"), size="large")
    first_path = f"{FIRST_PATH}-page" if _unknown_path() == FIRST_PATH else FIRST_PATH
    listed, problems = menu()
    pages = {
        name: st.Page(
            guarded(_with_parameters(name, page)),
            title=name,
            url_path=first_path if name == "Home" else path_of(name),
            icon=f":material/{page.icon}:",
            default=name == first,
        )
        for name, page in listed.items()
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
    for problem in problems:
        st.sidebar.warning(inert(problem, 1000))
    if WARMER.progress is not None:
        with st.sidebar:
            st.fragment(_preparing, run_every="2s")()
    with WARMER.visit():
        page.run()
    forget_clicks()


def _with_parameters(name: str, page: Page) -> Callable[[], None]:
    """The page, below a message about misspelt parameters in its address."""
    # A page of a package that cannot be imported must not take the others with it.
    own = object_at(page.show) if name in OWN_PAGES else None

    def show() -> None:
        show_unknown_parameters(name, page.parameters)
        (own or object_at(page.show))()

    return show


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
        st.session_state[UNKNOWN] = "" if is_path(path) else path
    return str(st.session_state[UNKNOWN])


def _no_such_page(path: str) -> Callable[[], None]:
    def show() -> None:
        st.title("No such page")
        st.error("404: the address names no page of this dashboard.")
        titles = titles_by_path()
        st.code(visible(str(unknown_name("page", path, titles))), language=None, wrap_lines=True)
        near = titles[next(iter(get_close_matches(path.lower(), titles, n=1)), "home")]
        link(near, f"Open {near}", f":material/{menu()[0][near].icon}:")

    return show


def _moved(old: str, page: "st.Page", more: Mapping[str, str]) -> "st.Page":
    def go() -> None:
        st.switch_page(page, query_params={**{key: st.query_params.get_all(key) for key in st.query_params}, **more})

    return st.Page(go, title=page.title, url_path=old, visibility="hidden")


if __name__ == "__main__":
    admit()
    main()
