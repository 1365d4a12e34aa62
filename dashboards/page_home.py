"""Home: what runs, what needs a person, and what was made last; each with one thing to do."""

import streamlit as st

from dashboards.address import link
from dashboards.inert import inert
from dashboards.scope_choice import nothing_yet, reader
from storage.queries import datasets, runs

MOST = 5  # lines of a card


def show() -> None:
    """Draw the page."""
    st.title("Home")
    summaries = runs(reader())
    if not summaries:
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    left, right = st.columns(2)
    with left.container(border=True):
        st.subheader("Running")
        for run in [run for run in summaries if run.status == "running"][:MOST]:
            link("Runs", inert(run.id), run=run.id)
    with right.container(border=True):
        st.subheader("Newest versions")
        for row in datasets(reader())[:MOST]:
            st.markdown(inert(row.newest.ref if row.newest else row.name))
