"""Papers: published systems with the commands that run them here, and what was measured."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.session.address import PAGES, choose, forget_old
from rollmill.dashboards.session.new_run import form_address
from rollmill.dashboards.units import counted
from rollmill.storage.queries.published.papers import NEEDS, STATUSES, PaperRow, published_papers

ALL, ANY = "all", "any kind"
COLOURS: tuple[Literal["green", "red", "orange", "blue", "gray"], ...] = ("green", "red", "orange", "blue", "gray")
BADGES = dict(zip(STATUSES, COLOURS, strict=True))  # colours of the theme
OPEN = "▶ "
ROWS, LINES = 6, 66  # rows in view, and the pixels of one: above 64 Streamlit breaks lines
COLUMNS = {
    "paper": st.column_config.TextColumn(width=268),  # this and the next fit on a narrow page
    "what it does": st.column_config.TextColumn(width=288),
    "status": st.column_config.MultiselectColumn(options=list(BADGES), color=list(BADGES.values()), width=195),
    "kind": st.column_config.TextColumn(width=175),
}


def show() -> None:
    """Draw the page."""
    st.title("Papers")
    papers = published_papers()
    st.caption(
        f"{counted(len(papers), 'published system', 'published systems')}, each with the commands that run its mechanism "
        "here, what the paper reports, and what was measured on the shipped model."
    )
    rows = _chosen(papers)
    if not rows:
        st.info("No system matches. Remove a filter.")
        return
    place = st.container()
    named = {row.name: row for row in rows}
    if st.query_params.get("paper") in {row.name for row in papers} - named.keys():
        forget_old(("paper",))  # the filters leave it out
    chosen = named[choose("System", {name: row.title for name, row in named.items()}, "paper")]
    with place:
        _table(rows, chosen)
    _paper(chosen)


def _chosen(papers: Sequence[PaperRow]) -> list[PaperRow]:
    """The papers that match the filters in the address."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = st.text_input(
            "Text",
            key="text",
            bind="query-params",
            placeholder="Title, effect or command",
            icon=":material/search:",
            label_visibility="collapsed",
            width=260,
        )
        kinds = dict.fromkeys(row.kind for row in papers)
        kind = st.selectbox("Kind", [ANY, *kinds], key="kind", bind="query-params", label_visibility="collapsed", width=260)
    status = st.segmented_control(
        "Status",
        [ALL, *STATUSES],
        default=ALL,
        required=True,
        key="status",
        bind="query-params",
        label_visibility="collapsed",
    )
    matching = [row for row in papers if kind in (ANY, row.kind) and _matches(row, str(words or ""))]
    counts = Counter(row.status for row in matching)
    if status in STATUSES:
        st.caption(f"{counts[str(status)]:,} {status}: {STATUSES[str(status)]}.")
    elif matching:
        shown = (f"{status} {counts[status]:,}" for status in STATUSES if counts[status])
        st.caption(f"{counted(len(matching), 'system')}: {', '.join(shown)}.")
    return [row for row in matching if status in (ALL, row.status)]


def _matches(row: PaperRow, words: str) -> bool:
    """True if every word is somewhere in the row's texts."""
    text = " ".join((row.name, row.title, row.does, row.reports, row.missing, *row.run)).lower()
    return all(word in text for word in words.lower().split())


def _table(rows: Sequence[PaperRow], chosen: PaperRow) -> None:
    """Every system that matches; a click on a row opens it."""
    key = f"papers-{hash(tuple(row.name for row in rows))}"  # under the same key another row would be selected

    def clicked() -> None:
        cells = st.session_state[key].selection.cells
        if cells:
            st.query_params["paper"] = rows[cells[0][0]].name

    frame = pd.DataFrame(
        {
            # In a column of its own, whose characters are wide, it would keep Streamlit from breaking the others' lines.
            "paper": [f"{OPEN if row is chosen else ''}{visible(row.title)}" for row in rows],
            "what it does": [visible(row.does) for row in rows],
            "status": [[row.status] for row in rows],
            "kind": [row.kind for row in rows],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=35 + LINES * min(len(rows), ROWS) + 2,
        row_height=LINES,
        column_config=COLUMNS,
        key=key,
        on_select=clicked,
        selection_mode="single-cell",
        alt="Published systems",
    )
    st.caption("A click on a row opens it below.")


def _paper(row: PaperRow) -> None:
    """A system with its commands, its paper's numbers and those measured here."""
    st.subheader(inert(row.title, 300))
    st.badge(row.status, color=BADGES[row.status], help=STATUSES[row.status])
    st.markdown(inert(row.does, 1000))
    st.markdown(f"**The paper reports:** {inert(row.reports, 1000)}")
    if row.numbers:
        source = row.source or f"study {row.study}"
        st.markdown(f"**Measured here:** {inert(row.numbers, 2000)} ({inert(source)})")
    if row.missing:
        st.markdown(f"**Missing:** {inert(row.missing, 1000)}")
    _commands(row)
    if row.tests:
        st.caption(f"Tests of the mechanism: {inert(', '.join(row.tests), 2000)}")


def _commands(row: PaperRow) -> None:
    """The commands in order, with their needs, and a link to New run for each that has a form there."""
    if not row.run:
        return
    st.markdown("**Commands**, in this order" if len(row.run) > 1 else "**Command**")
    if row.needs:
        st.caption(f"Needs {', '.join(NEEDS[need] for need in row.needs)}.")
    for command in row.run:
        st.code(command, language=None, wrap_lines=True)
        parameters = form_address(command)
        if parameters is not None:
            [kind] = parameters["what"]
            page = st.session_state[PAGES]["New run"]
            label = f"Open it in New run: {kind}"
            st.page_link(page, label=label, icon=":material/add_circle:", query_params=parameters)
