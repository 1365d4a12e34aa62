"""Runs: every run in a table, and the chosen run or evaluation in full. The choice is kept in the address."""

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.runs.detail import show_run
from rollmill.dashboards.pages.runs.refusal import FIRST_TAB
from rollmill.dashboards.pages.runs.table import show_table
from rollmill.dashboards.parts.activity import REFRESH_LIVE, follow_runs
from rollmill.dashboards.session.address import choose, link
from rollmill.dashboards.session.commands import typed
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.units import counted
from rollmill.ground.job_command import command_words
from rollmill.storage.queries import Run, runs
from rollmill.storage.queries.run_table import RunLine, run_lines


def show() -> None:
    """Draw the page."""
    summaries = runs(reader())
    if not summaries:
        st.title("Runs")
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    lines = run_lines(summaries, reader().spending.by_run())
    known = {run.id: run for run in summaries}
    evaluations = {line.id: line for line in lines if line.cells}
    names = list(dict.fromkeys(name for line in lines for name in (line.id, *(cell.id for cell in line.cells))))
    chosen = choose("Run", names, "run", anew=FIRST_TAB)
    st.title("Runs")
    link("New run", "New run", icon=":material/add_circle:")
    follow_runs(summaries)
    show_table(lines, chosen)
    if chosen in evaluations:
        _evaluation(evaluations[chosen], known)
    else:
        show_run(known[chosen], REFRESH_LIVE)


def _evaluation(line: RunLine, known: dict[str, Run]) -> None:
    """The evaluation whose cells the table shows: with a link to the comparison of its models, or to its progress."""
    st.subheader(inert(line.id))
    done = sum(cell.status == "done" for cell in line.cells)
    st.markdown(
        f"{counted(len(line.cells), 'cell')}, {done} of them done, of {counted(len(line.models), 'model')}: "
        f"{inert(', '.join(line.models))}."
    )
    for cell in line.cells:
        if cell.status == "running":
            link("Runs", f"{inert(cell.id)} works now", icon=":material/play_circle:", run=cell.id)
    if line.status == "done":
        link("Compare", "Compare its models", icon=":material/compare_arrows:", evaluation=line.id)
    job = known[line.cells[0].id].recipe["job"]
    again = f"rollmill leaderboard {line.id}" if line.status == "done" else typed(command_words(job))
    st.caption("Next command")
    st.code(again, language=None, wrap_lines=True)
