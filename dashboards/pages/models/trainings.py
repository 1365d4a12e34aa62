"""Trainings on the page Models: under way with the live loss curve, or ended badly with the command that goes on."""

from collections.abc import Sequence

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.models.charts import loss_chart
from rollmill.dashboards.parts.activity import REFRESH_LIVE, training_words
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import duration
from rollmill.storage.queries.models.progress import (
    BAD_ENDS,
    LossCurve,
    TrainingLine,
    training_curve,
    training_lines,
    unfinished_trainings,
)
from rollmill.storage.queries.run_history import run_outputs

CHOSEN = "training"  # parameter of the address: the training that a page started or linked
ENDED = {"failed": "failed", "interrupted": "was stopped", "killed": "was killed: no process works on it"}
LONGEST = 4_000  # characters of a command's output


def show_trainings(lines: Sequence[TrainingLine]) -> None:
    """Draw the trainings under way, those that ended badly, and the one that the address names if it has no model."""
    named = [line for line in lines if line.id == st.query_params.get(CHOSEN) and line.status in BAD_ENDS]
    for line in dict.fromkeys(
        [*(line for line in lines if line.status == "running"), *named, *unfinished_trainings(lines)]
    ):
        with st.container(border=True):
            if line.status == "running":
                st.fragment(_live, run_every=REFRESH_LIVE)(line.id)
                command_button(
                    "Cancel", ["runs", "cancel", "--", f"training/{line.id}"], key=f"cancel-{line.id}", confirm=True,
                    help="Its command stops as by Ctrl-C; a training goes on from its last checkpoint.",
                )  # fmt: skip
            else:
                _ended(line)


def _live(training: str) -> None:
    """A training under way: read anew at every redraw, the whole page once it has ended."""
    line = next((training_line for training_line in training_lines(reader()) if training_line.id == training), None)
    if line is None or line.status != "running":
        st.rerun()
    st.markdown(f"**{inert(line.model)}** trains · :gray[{line.id[:12]}]")
    st.progress(line.share, text=training_words(line))
    with st.container(horizontal=True, gap="medium"):
        st.metric("Step", f"{line.step:,}", width="content")
        st.metric("Done", f"{line.share:.0%}", width="content")
        st.metric("Loss", "-" if line.loss is None else f"{line.loss:.4f}", width="content")
        st.metric("Trained tokens", f"{line.tokens:,}", width="content")
        st.metric("Tokens/s", "-" if line.rate is None else f"{line.rate:,.0f}", width="content")
        st.metric("Time left", "-" if line.left is None else duration(line.left), width="content")
    draw_curve(training_curve(reader(), line.id), f"live-{line.id}")
    _next(line, "If it stops, resume it with")


def _ended(line: TrainingLine) -> None:
    """A training that ended without a model: why, how far it came, and the command that goes on."""
    told = st.error if line.status == "failed" else st.warning
    told(
        f"The training of {inert(line.model)} {ENDED[line.status]}, at step {line.step:,} ({line.share:.0%}). "
        "It goes on from its last checkpoint."
    )
    if line.error and line.status == "failed":
        st.code(visible(line.error), language=None, wrap_lines=True)
    curve = training_curve(reader(), line.id)
    if curve.points:
        with st.expander("Its loss so far"):
            draw_curve(curve, f"ended-{line.id}")
    for output in run_outputs(reader(), line.id)[:1]:
        with st.expander("Output of the command that this page started"):
            text = output.read_text(encoding="utf-8", errors="replace")[-LONGEST:]
            st.code(visible(text), language=None, wrap_lines=True)
    _next(line, "Resume it with")


def _next(line: TrainingLine, words: str) -> None:
    """The command that resumes a training, after the `words` of an unfinished sentence."""
    if line.command is not None:
        st.caption(f"{words}:")
        st.code(visible(line.command), language=None, wrap_lines=True)
    else:
        st.caption(f"{words} the command that started it.")


def draw_curve(curve: LossCurve, key: str) -> None:
    """Draw the loss over the steps, and name the step of the first loss that is not a finite number."""
    if curve.broken is not None:
        st.warning(f"The loss is no finite number at step {curve.broken:,}.")
    chart = loss_chart(curve)
    if chart is None:
        st.caption("No step is reported yet." if not curve.reports else "No loss of it is a number.")
    else:
        st.altair_chart(chart, width="stretch", key=f"loss-{key}")
