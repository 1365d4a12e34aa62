"""Views of Explore: built-in ones, and those that people saved under a name, renamed and removed by the command line."""

from urllib.parse import parse_qs, urlencode

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.explore.filters import put
from rollmill.dashboards.session.commands import may_write, read_only_reason, show_done, silent_button
from rollmill.dashboards.session.scope import reader
from rollmill.storage.queries.browse.views import KEPT, saved_views

READY: dict[str, dict[str, list[str]]] = {
    "right and wrong": {"outcome": ["mixed"]},
    "undecided": {"outcome": ["undecided"], "rows": ["rollouts"]},
    "no answer": {"outcome": ["unparsed"], "rows": ["rollouts"]},
    "right but dropped": {"outcome": ["correct"], "kept": ["no"], "rows": ["rollouts"]},
    "wrong but kept": {"outcome": ["incorrect"], "kept": ["yes"], "rows": ["rollouts"]},
}


def show_views() -> None:
    """Draw buttons that open views, and controls to save, rename and remove one."""
    st.caption("Views")
    for name, parameters in READY.items():
        st.button(name.capitalize(), key=f"explore-view-{name}", on_click=_open, args=(parameters,), width="stretch")
    saved = saved_views(reader())
    if saved:
        st.caption("Saved")
    for place, (name, query) in enumerate(saved.items()):
        st.button(inert(name), key=f"explore-saved-{place}", on_click=_open, args=(parse_qs(query),), width="stretch")
    _change(list(saved))


def _open(parameters: dict[str, list[str]]) -> None:
    put(**{**dict.fromkeys(KEPT, ""), **{key: value for key, value in parameters.items() if key in KEPT}})


def _change(names: list[str]) -> None:
    st.caption("Save what is chosen now" if may_write() else read_only_reason())
    name = st.text_input("Name", key="explore-view-name", placeholder="Name of the view", label_visibility="collapsed")
    chosen = {key: values for key in KEPT if (values := st.query_params.get_all(key))}
    done = []
    if name.strip() and chosen:
        save = ["view", "save", "--", name, urlencode(chosen, doseq=True)]
        done.append(silent_button("Save", save, key="explore-view-save"))
    elif name.strip():
        st.caption("Nothing is chosen: a view needs filters, a text or an order.")
    if names:
        view = str(st.selectbox("Change a saved view", names, key="explore-view-chosen", format_func=visible))
        with st.container(horizontal=True):
            if name.strip() and name.strip() != view:
                renamed = ["view", "rename", "--", view, name]
                done.append(silent_button("Rename to the name above", renamed, key="explore-view-rename"))
            done.append(silent_button("Remove", ["view", "remove", "--", view], key="explore-view-remove", confirm=True))
    for one_done in done:
        if one_done is not None and one_done.status != 0:
            show_done(one_done)
