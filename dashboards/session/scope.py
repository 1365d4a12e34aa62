"""Starting point of every page: the workspace, and the chosen run or version."""

import os
from collections.abc import Callable

import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.dashboards.session.address import PAGES, choose, context_bar, link
from rollmill.ground.errors import RollmillError
from rollmill.storage.queries import Reader, Scope, dataset_scope, datasets, run_scope, runs, versions_of

WORKSPACE = "ROLLMILL_WORKSPACE"
OF = ("problem",)  # of the run or version that is looked at: another one has others


@st.cache_resource(show_spinner=False)
def _open(path: str) -> Reader:
    return Reader.open(path)


def reader() -> Reader:
    """The workspace named by ROLLMILL_WORKSPACE, or the one around the current folder."""
    return _open(os.environ.get(WORKSPACE) or str(os.getcwd()))  # noqa: PTH109 - a plain key for the cache


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """The page below its context bar; a mistake that the person can correct is shown as one box instead of a traceback."""

    def show() -> None:
        with context_bar():
            try:
                page()
            except RollmillError as error:
                st.error("This page cannot be shown.")
                st.code(visible(error), language=None, wrap_lines=True)

    show.__name__ = page.__name__
    return show


def choose_scope() -> Scope | None:
    """Let the person choose a run or a dataset version in the context bar; None if there is neither."""
    source = reader()
    options = [
        f"version {version.ref}" for row in datasets(source) for version in versions_of(source, row.name) if version.fetched
    ]
    options += [f"run {run.id}" for run in runs(source)]
    if not options:
        nothing_yet("This workspace has no run and no dataset version yet.")
        return None
    kind, name = choose("Run or version", options, "of", forget=OF).split(" ", 1)
    return run_scope(source, name) if kind == "run" else dataset_scope(source, name)


def scope_label(scope: Scope) -> str:
    """Name of a scope in addresses, and in the box of `choose_scope`."""
    return f"{'run' if scope.version is None else 'version'} {scope.name}"


def nothing_yet(what: str, kind: str = "Curate", command: str = "rollmill curate recipes/arithmetic.yaml") -> None:
    """Draw the message that there is nothing to show yet, with the form and the command that change this."""
    st.info(what)
    if PAGES in st.session_state:
        link("New run", "Start a run here", icon=":material/add_circle:", what=kind)
    st.code(command, language=None)
