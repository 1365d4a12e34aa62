"""A trial or a loop to be started: what it takes beside its form, and why it cannot be started now."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.pages.start.takes import RESUMES, Takes
from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.asked import CommandResult
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted, duration
from rollmill.storage.queries.models.experiments import experiment_lines


def show_trial(answer: CommandResult) -> None:
    """Draw the answer of `trial --plan`: students, their time, completions, and the difference that they can show."""
    row = answer.row
    if not isinstance(row, Mapping):
        return
    with st.container(horizontal=True):
        left = row.get("trainings_left")
        st.metric(
            "Trainings", f"{row['trainings']:,}" if left is None else f"{left:,} of {row['trainings']:,}", width="content"
        )
        if row.get("completions") is not None:
            st.metric(
                "Completions", f"{row['completions']:,}", width="content", help="In all; stored ones are not drawn again."
            )
        seconds = row.get("seconds_left")
        st.metric("Training time", "not known" if seconds is None else duration(seconds), width="content")
    arms = [
        (arm["arm"], ", ".join(part["version"] for part in arm.get("data", ())), arm.get("rows")) for arm in row["arms"]
    ]
    table = pd.DataFrame(
        {
            "arm": [one_line(name) for name, _, _ in arms],
            "data": [one_line(data) or "made first" for _, data, _ in arms],
            "rows": [rows for _, _, rows in arms],
        }
    )
    st.dataframe(table, hide_index=True, width="stretch", placeholder="")
    for part in row.get("unmade", ()):
        st.caption(f"The data of {inert(part['arm'])} is not made yet; the trial makes it, or:")
        st.code(visible(part["command"]), language=None, wrap_lines=True)
    can = row.get("can_show")
    if isinstance(can, Mapping):
        st.caption(
            f"By {can['from_seeds']} students of an arm it shows a difference of {can['effect']:.3f} four times in five."
        )
    else:
        st.caption("What difference it can show is known after the first students.")


def show_loop(answer: CommandResult) -> None:
    """Draw the answer of `loop --dry-run`: rounds and the model of round 0."""
    row = answer.row
    if not isinstance(row, Mapping):
        return
    st.metric("Rounds", f"{row['rounds']:,}", width="content")
    st.caption(f"From {inert(str(row['base']))}. Each round draws, publishes a dataset, trains a model and evaluates it.")


def experiment_price(answer: CommandResult | None) -> str:
    """Cost of a trial or a loop in a sentence, for the person who confirms its start."""
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping):
        return "What it takes is not known."
    if "rounds" in row:
        return f"It does {counted(row['rounds'], 'round')}; what one takes is not known."
    left = row.get("trainings_left")
    seconds = row.get("seconds_left")
    taken = "" if seconds is None else f", about {duration(seconds)}"
    return f"It trains {counted(row['trainings'] if left is None else left, 'student')}{taken}, and evaluates each."


def why_not_begun(kind: str, answer: CommandResult | None) -> str | None:
    """The reason why a trial or a loop cannot be started: a command works on it now; with a link to it."""
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping):
        return None
    name = f"{kind}/{row.get(kind)}"
    if not any(line.id == name and line.works for line in experiment_lines(reader())):
        return None
    link("Models", f"The {kind} {inert(str(row[kind]))} works now", view="Trials and loops", experiment=name)
    return f"This very {kind} works now."


TRIAL = Takes(show_trial, experiment_price, why_not_begun, RESUMES)
LOOP = Takes(show_loop, experiment_price, why_not_begun, RESUMES)
