"""The firings of a schedule: the last 30 and the next 24 hours as squares, and one firing with its output and result."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.parts.activity import time_words
from rollmill.dashboards.parts.strip import DUE, Square, mark, show_strip
from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.commands import CommandStatus, disabled_button, show_done, silent_button
from rollmill.ground.errors import unknown_name
from rollmill.storage.queries import Firing
from rollmill.storage.queries.schedules import MOST_DUE, ScheduleRow

MOST_SAID = 2_000  # characters of a message
FIRING = "firing"  # in the address: the number of the chosen firing


def show_firings(row: ScheduleRow, off: str) -> None:
    """Draw the strip and the chosen firing. `off`: the reason why nothing fires now, if nothing does."""
    st.markdown("**Last firings and the next 24 hours**")
    firing = _chosen(row)
    squares = [*(_square(row, past, chosen=past == firing) for past in reversed(row.firings)), *_due(row, off)]
    if not squares:
        st.caption("It has not fired yet, and nothing is due in the next 24 hours.")
        return
    show_strip("firings", _with_times(row, squares))
    if len(row.next_day) == MOST_DUE:
        st.caption(f"The first {MOST_DUE} of the next 24 hours.")
    if firing is not None:
        with st.container(border=True):
            _show_firing(row, firing, off)
        with st.expander("All of them as a table"):
            st.dataframe(_table(row), hide_index=True, width="stretch")


def _square(row: ScheduleRow, firing: Firing, *, chosen: bool) -> Square:
    message = f": {one_line(firing.said)}" if firing.said else ""
    words = f"{firing.state}, {time_words(_local(row, firing.fired_at))}{message}"
    query = {"schedule": row.schedule.name, FIRING: str(firing.id)}
    return Square(firing.state, words, page="Schedules", query=query, chosen=chosen)


def _due(row: ScheduleRow, off: str) -> list[Square]:
    would = "would fire" if off else "due"
    return [Square(DUE, f"{would} {time_words(when)}") for when in row.next_day]


def _with_times(row: ScheduleRow, squares: Sequence[Square]) -> list[Square]:
    """The squares with the axis of time below them: the day where a new one begins, else the time of day."""
    fired = [firing.fired_at for firing in reversed(row.firings)]
    times = [_local(row, when) for when in (*fired, *row.next_day)]
    days = [None, *(when.date() for when in times)]
    return [
        replace(square, time=f"{when:%H:%M}" if when.date() == before else f"{when:%d %b}")
        for square, when, before in zip(squares, times, days, strict=False)
    ]


def _local(row: ScheduleRow, when: datetime) -> datetime:
    return when.astimezone(ZoneInfo(row.schedule.timezone if row.schedule.own else "UTC"))


def _chosen(row: ScheduleRow) -> Firing | None:
    """The firing in the address, else the newest that was not skipped; SetupError for an unknown one."""
    known = {str(firing.id): firing for firing in row.firings}
    wanted = st.query_params.get(FIRING)
    if wanted is None:
        return row.last or next(iter(row.firings), None)
    if wanted not in known:
        raise unknown_name(f"firing of {row.schedule.name}", wanted, known, next_command="rollmill schedule list")
    # A link within the page reaches this process, and leaves the browser's address as it was.
    st.query_params[FIRING] = wanted
    return known[wanted]


def _show_firing(row: ScheduleRow, firing: Firing, off: str) -> None:
    facts = [f"fired {inert(time_words(_local(row, firing.fired_at)))}"]
    facts += [f"took {took}"] if (took := _took(firing)) else []
    facts += [f"{inert(firing.fresh)} number {firing.number}"] if firing.fresh else []
    st.markdown(f"{mark(firing.state)} **{firing.state}** · {' · '.join(facts)}")
    if firing.said:
        st.code(visible(firing.said[:MOST_SAID]), language=None, wrap_lines=True)
    with st.container(horizontal=True, vertical_alignment="center"):
        done = _retry(row, off) if row.goes_on(firing) else None
        if firing.run is not None:
            link("Runs", f"Its run {inert(firing.run)}", icon=":material/play_circle:", run=firing.run)
            link("Runs", "Its log", icon=":material/list:", run=firing.run, tab="Log")
        if row.schedule.verb == "evaluate" and firing.status == "done" and firing.recipe is not None:
            link("Compare", "Its results", icon=":material/leaderboard:", evaluation=str(firing.recipe["name"]))
    if done is not None:
        show_done(done)
        if done.status == 0:  # the page goes on with the firing that comes
            st.query_params.pop(FIRING, None)
    if advice := _advice(row, firing):
        st.caption(advice)
    if firing.recipe is not None:
        with st.expander("The recipe as it stood at this firing"):
            st.json(dict(firing.recipe), expanded=1)


def _retry(row: ScheduleRow, off: str) -> CommandStatus | None:
    """The button that fires again: the ledger gives the number of an unfinished firing to the next one."""
    key = f"schedule-retry-{row.schedule.name}"
    if off:
        disabled_button("Retry", off, key)
        return None
    help_text = "Fires it again with the same number and the current recipe: committed rows are kept."
    return silent_button("Retry", ["schedule", "run-now", "--", row.schedule.name], key=key, help=help_text)


def _advice(row: ScheduleRow, firing: Firing) -> str:
    """Reason why an ended firing has no retry; nothing for others."""
    if firing.status == "refused":
        return "Another firing would be refused as well: its run shows the check that failed."
    if firing.status == "stopped":
        return "It reached a limit: raise the limit, then fire it again."
    if firing.unfinished and not row.goes_on(firing):
        return "A later firing continued it."
    return ""


def _took(firing: Firing) -> str:
    return "" if firing.ended_at is None else f"{(firing.ended_at - firing.fired_at).total_seconds():,.0f} s"


def _table(row: ScheduleRow) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "fired": time_words(_local(row, firing.fired_at)),
                "outcome": firing.state,
                "took": _took(firing),
                "said": one_line(firing.said),
                "run": visible(firing.run or ""),
            }
            for firing in row.firings
        ]
    )
