"""What every page starts from: the workspace, the run or version that a person looks at, and model text made inert.

The choice is kept in the address, so that a link reopens it.
"""

import os
import re
from collections.abc import Callable

import streamlit as st

from storage.errors import RollmillError
from storage.queries import Reader, Run, Scope, dataset_scope, datasets, run_scope, runs, versions_of

WORKSPACE = "ROLLMILL_WORKSPACE"


@st.cache_resource(show_spinner=False)
def _open(path: str) -> Reader:
    return Reader.open(path)


def reader() -> Reader:
    """The workspace named by ROLLMILL_WORKSPACE, or the one around the current folder."""
    return _open(os.environ.get(WORKSPACE) or str(os.getcwd()))  # noqa: PTH109 - a plain key for the cache


def guarded(page: Callable[[], None]) -> Callable[[], None]:
    """The page, with a mistake that the person can mend shown as one box instead of a traceback."""

    def show() -> None:
        try:
            page()
        except RollmillError as error:
            st.error("This page cannot be shown.")
            st.code(str(error), language=None, wrap_lines=True)

    show.__name__ = page.__name__
    return show


def choose_scope(key: str) -> Scope | None:
    """Let the person choose a run or a dataset version in the sidebar; None where there is neither."""
    source = reader()
    options = [
        f"version {version.ref}" for row in datasets(source) for version in versions_of(source, row.name) if version.fetched
    ]
    options += [f"run {run.id}" for run in runs(source)]
    chosen = _chosen(options, key, "This workspace has no run and no dataset version yet.")
    if chosen is None:
        return None
    kind, name = chosen.split(" ", 1)
    return run_scope(source, name) if kind == "run" else dataset_scope(source, name)


def choose_run(key: str) -> Run | None:
    """Let the person choose a run in the sidebar; None where there is none."""
    options = {f"run {run.id}": run for run in runs(reader())}
    chosen = _chosen(list(options), key, "This workspace has no run yet.")
    return None if chosen is None else options[chosen]


def _chosen(options: list[str], key: str, nothing: str) -> str | None:
    if not options:
        st.info(nothing)
        st.code("rollmill curate recipes/arithmetic.yaml", language=None)
        return None
    wanted = st.query_params.get("of")
    start = options.index(wanted) if wanted in options else 0
    chosen = str(st.sidebar.selectbox("Look at", options, index=start, key=f"{key}-of"))
    st.query_params["of"] = chosen
    return chosen


_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")


def inert(text: object, longest: int = 200) -> str:
    """One line of Markdown that shows `text` as it is, cut after `longest` characters."""
    line = " ".join(str(text).split())
    cut = line if len(line) <= longest else line[: longest - 1] + "…"
    return _SPECIAL.sub(r"\\\1", cut)
