"""Runs: every run with its state, and the chosen one in full. The choice is kept in the address."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboards.inert import visible
from dashboards.pages.runs.detail import show_run
from dashboards.parts.activity import REFRESH_LIVE, follow_runs
from dashboards.session.address import choose, link
from dashboards.session.scope import nothing_yet, reader
from storage.queries import Run, runs

MOST = 1_000  # runs in the table
BADGES = {  # colours of the theme
    "running": "blue",
    "done": "green",
    "stopped": "orange",
    "interrupted": "orange",
    "killed": "red",
    "failed": "red",
    "gate refused": "violet",
}
COLUMNS = {
    "status": st.column_config.MultiselectColumn(options=list(BADGES), color=list(BADGES.values()), width="small"),
    "run": st.column_config.TextColumn(width=250),
    "dataset": st.column_config.TextColumn(width=180),
    "started": st.column_config.DatetimeColumn("started, UTC", format="YYYY-MM-DD HH:mm:ss", timezone="UTC", width=150),
    "seconds": st.column_config.NumberColumn(format="%.1f", width=80),
    **{name: st.column_config.NumberColumn(format="localized", width=80) for name in ("problems", "kept")},
}


def show() -> None:
    """Draw the page."""
    summaries = runs(reader())
    if not summaries:
        st.title("Runs")
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    known = {run.id: run for run in summaries}
    run = known[choose("Run", list(known), "run", forget=("tab",))]
    st.title("Runs")
    link("New run", "New run", icon=":material/add_circle:")
    follow_runs(summaries)
    _table(summaries[:MOST])
    if len(summaries) > MOST:
        st.caption(f"The newest {MOST:,} of {len(summaries):,} runs.")
    show_run(run, REFRESH_LIVE)


def badge(run: Run) -> str:
    """The state of a run in a word of BADGES."""
    return "gate refused" if run.refused else run.status


def _table(summaries: Sequence[Run]) -> None:
    table = pd.DataFrame(
        {
            "status": [[badge(run)] for run in summaries],
            "run": [visible(run.id) for run in summaries],
            "dataset": ["" if run.recipe.get("cell") else visible(run.dataset) for run in summaries],  # a cell creates none
            "started": [run.started_at for run in summaries],
            "seconds": [
                None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds() for run in summaries
            ],
            "problems": [run.summary.get("funnel", {}).get("problems") for run in summaries],
            "kept": [run.summary.get("funnel", {}).get("kept") for run in summaries],
        }
    )
    # A new run moves all rows down: under the same key another run would be selected.
    ids, key = [run.id for run in summaries], f"runs-{len(summaries)}-{summaries[0].id}"
    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        height=min(len(table) + 1, 9) * 35 + 2,
        column_config=COLUMNS,
        placeholder="",
        on_select=lambda: _select(ids, key),
        selection_mode="single-row",
        key=key,
    )


def _select(ids: Sequence[str], key: str) -> None:
    for row in st.session_state[key]["selection"]["rows"]:
        st.query_params["run"] = ids[row]
        st.query_params.pop("tab", None)
