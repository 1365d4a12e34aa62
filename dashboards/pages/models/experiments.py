"""Trials and loops on the page Models: a table with the state of each, and the numbers of the chosen one as pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.pages.models.experiment_charts import changes_chart, difference_chart, rounds_chart
from rollmill.dashboards.parts.activity import REFRESH_IDLE, REFRESH_LIVE
from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import moment
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries.models.experiments import (
    BAD_ENDS,
    Difference,
    ExperimentLine,
    differences,
    experiment_lines,
    experiment_report,
    round_points,
    sentences,
)

CHOSEN = "experiment"  # parameter of the address
VERSIONS, VIEW = "Versions", "Trials and loops"  # parts of the page
COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn(width=200),
    "kind": st.column_config.TextColumn(width=70),
    "state": st.column_config.TextColumn(width=100),
    "doing": st.column_config.TextColumn(width=320, help="what its command did last"),
    "begun (UTC)": st.column_config.TextColumn(width=125),
}
SHOWN = 6
PICTURES = "experiment-pictures"
STYLE = f"<style>.st-key-{PICTURES} [data-testid='stColumn'] {{ min-width: min(100%, 26rem); }}</style>"


def choose_view(lines: Sequence[ExperimentLine]) -> str:
    """The part of the page that is shown; a choice only where there is a trial or a loop. Links to those that work now."""
    if not lines:
        return VERSIONS
    view = str(
        st.segmented_control(
            "Show", (VERSIONS, VIEW), default=VERSIONS, required=True, key="view", bind="query-params",
            label_visibility="collapsed",
        )
    )  # fmt: skip
    for line in lines if view == VERSIONS else ():
        if line.works:
            link("Models", f"The {line.kind} {inert(line.name)} works now", view=VIEW, experiment=line.id)
    return view


def show_experiments(lines: Sequence[ExperimentLine]) -> None:
    """Draw the table of all, and the one that the address or a click chose; the newest if neither did."""
    named = {line.id: line for line in lines}
    _table(lines)
    line = named.get(st.query_params.get(CHOSEN, ""), lines[0])
    with st.container(border=True):
        _head(line)
        report = experiment_report(line)
        if report is None:
            st.caption("It has no result yet." if line.works else "It has no report.")
        elif line.kind == "trial":
            _trial(report)
        else:
            _loop(report)
        _next(line)


def follow_experiments(lines: Sequence[ExperimentLine]) -> None:
    """Redraw the page whenever a trial or a loop begins, goes on or ends."""
    live = any(line.works for line in lines)
    st.fragment(_follow, run_every=REFRESH_LIVE if live else REFRESH_IDLE)(_states(lines))


def _follow(before: "list[tuple[str, ...]]") -> None:
    if _states(experiment_lines(reader())) != before:
        st.rerun()


def _states(lines: Sequence[ExperimentLine]) -> "list[tuple[str, ...]]":
    return [(line.id, line.status, line.said) for line in lines]


def _table(lines: Sequence[ExperimentLine]) -> None:
    frame = pd.DataFrame(
        {
            "name": [visible(line.name) for line in lines],
            "kind": [line.kind for line in lines],
            "state": [line.status for line in lines],
            "doing": [one_line(line.said if line.works else line.error, 200) for line in lines],
            "begun (UTC)": [moment(line.started) for line in lines],
        }
    )

    def clicked() -> None:
        rows = st.session_state["experiments"].selection.rows
        if rows:
            st.query_params[CHOSEN] = lines[rows[0]].id

    st.dataframe(
        frame.drop(columns=[] if frame["doing"].any() else ["doing"]),
        hide_index=True,
        width="stretch",
        height=35 * (min(len(frame), SHOWN) + 1) + 3,
        column_config=COLUMNS,
        key="experiments",
        placeholder="",
        on_select=clicked,
        selection_mode="single-row",
    )


def _head(line: ExperimentLine) -> None:
    """Name, state and cancelling."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{inert(line.name)}**")
        colour = {"running": "blue", "done": "green", "failed": "red"}.get(line.status, "orange")
        st.badge(f"{line.kind} {line.status}", color=colour)  # type: ignore[arg-type]
        if line.works and line.said:
            st.caption(inert(line.said, 200))
    if line.works:
        command_button("Cancel", ["runs", "cancel", "--", line.id], key=f"cancel-{line.id}", confirm=True)
    if line.status in BAD_ENDS:
        ended = {"failed": "It failed.", "interrupted": "Somebody stopped it."}
        told = st.error if line.status == "failed" else st.info
        told(f"{ended.get(line.status, 'It was killed: no process works on it.')} What it made is kept.")
        if line.error:
            st.code(visible(line.error), language=None, wrap_lines=True)


def _next(line: ExperimentLine) -> None:
    if line.command is not None and line.status != "done":
        st.caption("Resume it with:" if line.status in BAD_ENDS else "If it stops, resume it with:")
        st.code(visible(line.command), language=None, wrap_lines=True)


def _trial(report: Mapping[str, Any]) -> None:
    """Sentences, pictures by scale, and the numbers of a trial."""
    for sentence in sentences(report):
        st.markdown(inert(sentence, 600))
    measured = differences(report)
    if not measured:
        st.caption("Its report has no difference.")
        return
    for scale in dict.fromkeys(difference.scale for difference in measured):
        st.markdown(f"**Differences** in {inert(scale)}")
        st.altair_chart(
            difference_chart([difference for difference in measured if difference.scale == scale]), width="stretch"
        )
    st.caption(
        inert(f"Intervals over {report.get('seeds')} seeds and {report.get('problems')} problems", 100)
        + "; a ring is one seed. Blue: the interval leaves out 0."
    )
    with st.expander("Numbers"):
        st.dataframe(_numbers(measured), hide_index=True, width="stretch", placeholder="")


def _numbers(measured: Sequence[Difference]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "arm": [one_line(difference.arm, 60) for difference in measured],
            "against": [one_line(difference.against, 60) for difference in measured],
            "measure": [one_line(difference.measure, 60) for difference in measured],
            "before": [round(difference.before, 4) for difference in measured],
            "after": [round(difference.after, 4) for difference in measured],
            "difference": [
                with_interval(difference.value, difference.low, difference.high, "+") for difference in measured
            ],
            "p": [f"{difference.p:.4f}" for difference in measured],
            "variance": [
                ", ".join(f"{one_line(name, 40)} {share:.0%}" for name, share in difference.shares.items())
                for difference in measured
            ],
        }
    )


def _shares(difference: Difference) -> str:
    """Parts of the variance in words."""
    return ", ".join(f"{one_line(name, 40)} {share:.0%}" for name, share in difference.shares.items())


def _loop(report: Mapping[str, Any]) -> None:
    """Measures of a loop over its rounds, and its alarms."""
    alarms = report.get("alarms")
    for text in alarms if isinstance(alarms, list) else ():
        st.warning(inert(str(text), 400))
    if report.get("stopped"):
        st.info(inert(f"Stopped: {report['stopped']}.", 400))
    points = round_points(report)
    if not points:
        st.caption("Its report has no round.")
        return
    st.html(STYLE)
    left, right = st.container(key=PICTURES).columns(2)
    left.markdown("**Measures** over the rounds")
    left.altair_chart(rounds_chart(points), width="stretch")
    changes = changes_chart(points)
    if changes is not None:
        right.markdown("**Changes** since the round before")
        right.altair_chart(changes, width="stretch")
    st.caption("Intervals are over problems, of these trained models.")
