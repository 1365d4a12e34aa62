"""Starting a mixture or a sweep: its plan next to its form, and its cost in a sentence."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line
from rollmill.dashboards.pages.start.takes import Takes
from rollmill.dashboards.session.asked import CommandResult
from rollmill.dashboards.units import counted


def show_mixture(answer: CommandResult) -> None:
    """Draw the answer of `mix --dry-run`: declared and actual rows of each source, and why rows are left out."""
    row = answer.row
    if not isinstance(row, Mapping):
        return
    st.metric("Rows", f"{row['kept']:,}", width="content")
    table = pd.DataFrame(
        [
            {
                "source": one_line(part["source"]),
                "declared": part["declared"],
                "kept": part["kept"],
                "of rows": part["rows"],
                "share": part["share"],
            }
            for part in row["sources"]
        ]
    )
    share = {"share": st.column_config.NumberColumn(format="%.3f", help="of the kept rows")}
    st.dataframe(table, hide_index=True, width="stretch", placeholder="", column_config=share)
    for part in row["sources"]:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in part["dropped"].items())
        st.caption(f"{inert(part['source'])} is {inert(part['ref'])}; dropped: {inert(dropped or 'none', 400)}.")
    short = [part for part in row["sources"] if part["declared"] is not None and part["kept"] < part["declared"]]
    for part in short:
        st.caption(f"{inert(part['source'])} has {part['kept']:,} of the {part['declared']:,} rows that it declares.")


def show_sweep(answer: CommandResult) -> None:
    """Draw the answer of `sweep --plan`: arms, problems of both halves, and the most completions."""
    row = answer.row
    if not isinstance(row, Mapping):
        return
    with st.container(horizontal=True):
        st.metric("Arms", f"{len(row['arms']):,}", width="content")
        st.metric("Completions at most", f"{row['draws']['most']:,}", width="content")
        st.metric("Tokens at most", f"{row['most_tokens']:,}", width="content")
    arms = [(name, ", ".join(f"{key} {value}" for key, value in changed.items())) for name, changed in row["arms"].items()]
    table = pd.DataFrame({
        "arm": [one_line(name) for name, _ in arms],
        "settings": [one_line(text) or "unchanged" for _, text in arms],
    })  # fmt: skip
    st.dataframe(table, hide_index=True, width="stretch", placeholder="")
    problems, allocator, default = row["problems"], inert(str(row["allocator"])), inert(str(row["default"]))
    st.caption(
        f"{counted(problems['choose'], 'problem')} choose, by allocator {allocator}, and "
        f"{problems['report']:,} report, split by {inert(str(problems['split']))}. The default is {default}."
    )


def choice_price(answer: CommandResult | None) -> str:
    """Cost of a mixture or a sweep in a sentence, for the person who confirms its start."""
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping):
        return "What it takes is not known."
    if "draws" in row:
        return f"It draws at most {counted(row['draws']['most'], 'completion')}; stored ones are not drawn again."
    return "It draws nothing. Content that a version has already is no new version."


MIXTURE = Takes(show_mixture, choice_price)
SWEEP = Takes(show_sweep, choice_price)
