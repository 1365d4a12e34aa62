"""The table of runs with its filters: a click on a row opens it, two ticked rows can be compared.

The cells of an evaluation are one row, with the rows of its cells below it while it is open, or one of them is.
"""

from collections.abc import Iterator, Sequence

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.runs.refusal import open_run
from rollmill.dashboards.session.address import link
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries.run_table import RunLine

MOST = 1_000  # runs in the table
ROWS = 9  # in view, with the head; the cells of an open evaluation come on top
OPEN, CELL = "▶", "↳ "
Cell = tuple[int, str]
BADGES = {  # colours of the theme
    "running": "blue",
    "done": "green",
    "stopped": "orange",
    "interrupted": "orange",
    "killed": "red",
    "failed": "red",
    "gate refused": "violet",
    "dismissed": "gray",
}
COLUMNS = {
    "open": st.column_config.TextColumn("", width=24),
    "run": st.column_config.TextColumn(width=190),
    "status": st.column_config.MultiselectColumn(options=list(BADGES), color=list(BADGES.values()), width=108),
    "started": st.column_config.DatetimeColumn("started, UTC", format="YYYY-MM-DD HH:mm", timezone="UTC", width=125),
    "seconds": st.column_config.NumberColumn(
        format="%.1f", width=70, help="in which its commands worked on it; pauses between them are not counted"
    ),
    "pass rate": st.column_config.TextColumn(
        width=150, help="with its 95% interval, over the prefix fixed before any verdict"
    ),
    "model": st.column_config.TextColumn(width=100),
    "tokens": st.column_config.NumberColumn(format="localized", width=70, help="in and out, of its own drawing"),
    "cost": st.column_config.TextColumn(width=60, help="blank where no price is known"),
    "kept": st.column_config.NumberColumn(format="localized", width=60, help="in the version that it published"),
    "problems": st.column_config.NumberColumn(format="localized", width=80),
}


def show_table(lines: Sequence[RunLine], opened: str) -> None:
    """Draw the filters, the table and the way to compare; `opened`: the run or evaluation shown below."""
    matching = list(_filtered(lines))
    shown = list(_with_cells(matching[:MOST], opened))
    if not shown:
        st.info("No run matches. Remove a filter.")
        return
    ids = tuple(line.id for line, _ in shown)
    ticked = [run for run in st.session_state.get("runs-ticked", ()) if run in ids]
    # A new run moves all rows down: under the same key another one would be selected.
    key = f"runs-{hash(ids)}"
    cells: list[Cell] = [(ids.index(opened), "run")] if opened in ids else []
    st.session_state.setdefault(f"{key}-cell", cells)
    st.dataframe(
        _frame(shown, opened),
        hide_index=True,
        width="stretch",
        height=min(len(shown) + 1, ROWS + sum(cell for _, cell in shown)) * 35 + 2,
        column_config=COLUMNS,
        placeholder="",
        on_select=lambda: _selected(ids, key),
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": {"rows": [ids.index(run) for run in ticked], "columns": [], "cells": cells}},
        key=key,
        alt="Runs",
    )
    hidden = len(matching) - MOST
    newest = f" The newest {MOST:,} of {len(matching):,} runs." if hidden > 0 else ""
    newest += f" The open one is in row {cells[0][0] + 1:,}." if cells and cells[0][0] >= ROWS - 1 else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"A click on a row opens it; tick two to compare them.{newest}")
        if len(ticked) == 2:
            _compare(*(line for line, _ in shown if line.id in ticked))


def _filtered(lines: Sequence[RunLine]) -> Iterator[RunLine]:
    """The lines that match the filters in the address; an evaluation if it matches or one of its cells does."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Text",
            key="text",
            bind="query-params",
            placeholder="Run, recipe or model",
            icon=":material/search:",
            label_visibility="collapsed",
            width=260,
        )
        present = dict.fromkeys(line.status for line in lines)
        statuses = st.multiselect(
            "Status",
            [name for name in BADGES if name in present],
            key="state",
            bind="query-params",
            placeholder="any status",
            label_visibility="collapsed",
            width=260,
        )
        recipes = st.multiselect(
            "Recipe",
            sorted({line.recipe for line in lines}),
            key="recipe",
            bind="query-params",
            format_func=visible,
            placeholder="any recipe",
            label_visibility="collapsed",
            width=320,
        )
    wanted = str(text).strip().lower()
    for line in lines:
        texts = (text for part in (line, *line.cells) for text in (part.id, part.recipe, *part.models))
        if (
            (not statuses or line.status in statuses)
            and (not recipes or line.recipe in recipes)
            and (not wanted or any(wanted in text.lower() for text in texts))
        ):
            yield line


def _with_cells(lines: Sequence[RunLine], opened: str) -> Iterator[tuple[RunLine, bool]]:
    """Each line, and whether it is a cell below the evaluation that is open."""
    for line in lines:
        yield line, False
        if line.cells and opened in (line.id, *(cell.id for cell in line.cells)):
            yield from ((cell, True) for cell in line.cells)


def _frame(shown: Sequence[tuple[RunLine, bool]], opened: str) -> pd.DataFrame:
    lines = [line for line, _ in shown]
    names = [f"{visible(_cell_name(line) if cell else line.id)}{_cells(line)}" for line, cell in shown]
    return pd.DataFrame(
        {
            "open": [OPEN if line.id == opened else "" for line in lines],
            "run": names,
            "status": [[line.status] for line in lines],
            "pass rate": ["" if line.rate is None else with_interval(*line.rate) for line in lines],
            "kept": [line.kept for line in lines],
            "model": [visible(", ".join(name.removeprefix("models/") for name in line.models)) for line in lines],
            "tokens": [line.tokens for line in lines],
            "cost": [line.money or "" for line in lines],
            "seconds": [line.seconds for line in lines],
            "started": [line.started for line in lines],
            "problems": [line.problems for line in lines],
        }
    )


def _cell_name(line: RunLine) -> str:
    """The id of a cell below its evaluation, whose name is left out."""
    return f"{CELL}{line.id.removeprefix(f'{line.recipe}.')}"


def _cells(line: RunLine) -> str:
    return f" ({len(line.cells)} cells)" if line.cells else ""


def _selected(ids: Sequence[str], key: str) -> None:
    """Open the row of a newly clicked cell, and remember the ticked rows."""
    selection = st.session_state[key]["selection"]
    st.session_state["runs-ticked"] = [ids[row] for row in selection["rows"]]
    # The cell stays selected while rows are ticked: only another one opens its row.
    cells, before = [tuple(cell) for cell in selection["cells"]], st.session_state[f"{key}-cell"]
    st.session_state[f"{key}-cell"] = cells
    if cells and cells != before:
        open_run(ids[cells[0][0]])


def _compare(first: RunLine, second: RunLine) -> None:
    """Link to the comparison of two rows, the earlier one first."""
    before, after = sorted((first, second), key=lambda line: line.started)
    names = f"{inert(before.id)} with {inert(after.id)}"
    link("Compare", f"Compare {names}", icon=":material/compare_arrows:", evaluation=before.id, other=after.id)
