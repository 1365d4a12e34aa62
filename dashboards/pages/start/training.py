"""A training to be started: what it takes beside its form, and why it cannot be started now."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line
from rollmill.dashboards.pages.start.takes import RESUMES, Takes
from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.asked import CommandResult
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import duration
from rollmill.storage.queries.histories.dataset_history import every_stamp
from rollmill.storage.queries.models.progress import training_lines
from rollmill.storage.queries.models.versions import models_stamp


def training_state() -> tuple[object, ...]:
    """Stamp of what a forecast of a training depends on beside its recipe: data, models and trainings of the workspace."""
    trainings = tuple((line.id, line.status) for line in training_lines(reader()))
    return every_stamp(reader()), models_stamp(reader()), trainings


def show_training(answer: CommandResult) -> None:
    """Draw the answer of `train --dry-run`: the rows, the length, and the time that earlier trainings tell."""
    row = answer.row
    if not isinstance(row, Mapping):
        return
    length, seconds = row["forecast"], row["seconds"]
    with st.container(horizontal=True):
        st.metric("Rows", f"{row['rows']:,}", width="content")
        if length is not None:
            st.metric("Steps", f"{length['steps']:,}", width="content")
            st.metric("Trained tokens", f"{_bound(length)}{length['tokens']:,}", width="content")
        st.metric("Time", "not known" if seconds is None else duration(seconds), width="content")
        if row.get("memory_mib"):
            st.metric("Memory", f"{row['memory_mib']:,} MiB", width="content", help="The peak of the last such training.")
    data = pd.DataFrame(
        {"data": [one_line(part["version"]) for part in row["data"]], "rows": [part["rows"] for part in row["data"]]}
    )
    st.dataframe(data, hide_index=True, width="stretch", placeholder="")
    st.caption(" ".join(_notes(row)))


def _bound(length: "Mapping[str, object]") -> str:
    """A word before tokens that are drawn during the training: as many at most."""
    return "at most " if length.get("at_most") else ""


def _notes(row: "Mapping[str, object]") -> list[str]:
    notes = [f"From {inert(row['init'])}."]
    if row["forecast"] is None:
        notes.append("The learner does not say beforehand how long it trains.")
    elif row["seconds"] is None:
        notes.append("No training of this learner from this model was timed here yet.")
    else:
        notes.append("Time is at the speed of the last training of this learner from this model.")
    left_out = row["left_out"]
    notes += (
        [f"Left out: {count:,} {inert(what)}." for what, count in left_out.items()] if isinstance(left_out, dict) else []
    )
    return notes


def training_refusal(verb: str, answer: CommandResult | None) -> str | None:
    """The reason why a training cannot be started: it is done, or works now; with a link to it."""
    del verb
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping):
        return None
    if row["version"] is not None:
        link("Models", f"{inert(row['version'])}", icon=":material/model_training:", model=str(row["version"]))
        return "This very training is done: it would find its model."
    works = next((line for line in training_lines(reader()) if line.id == row["training_id"]), None)
    if works is None or works.status != "running":
        return None
    link("Models", f"The training of {inert(works.model)} works now", icon=":material/model_training:", training=works.id)
    return "This very training works now."


def training_price(answer: CommandResult | None) -> str:
    """Cost of a training in a sentence, for the person who confirms its start."""
    row = answer.row if answer is not None else None
    if not isinstance(row, Mapping) or row["forecast"] is None:
        return "What it takes is not known."
    taken = "" if row["seconds"] is None else f" and about {duration(row['seconds'])}"
    length = row["forecast"]
    return f"It takes {length['steps']:,} steps, {_bound(length)}{length['tokens']:,} trained tokens{taken}."


TRAINING = Takes(show_training, training_price, training_refusal, RESUMES)
