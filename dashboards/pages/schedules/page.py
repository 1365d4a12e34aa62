"""Schedules: their next firings and the results of the last ones; pause, resume, run now, remove, add."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.schedules.adding import show_form
from rollmill.dashboards.pages.schedules.firings import FIRING, show_firings
from rollmill.dashboards.parts.activity import time_words
from rollmill.dashboards.parts.service import follow_service, offline_reason, show_service
from rollmill.dashboards.session.address import choose
from rollmill.dashboards.session.commands import CommandStatus, disabled_button, show_done, silent_button
from rollmill.dashboards.session.scope import reader
from rollmill.storage.queries import Service
from rollmill.storage.queries.schedules import ScheduleRow, schedules, service

ENDS = {"failure": "Failures are", "always": "Every end is"}


def show() -> None:
    """Draw the page."""
    st.title("Schedules")
    rows, state = schedules(reader()), service(reader())
    follow_service(state, fires=any(row.last and row.last.status == "running" for row in rows))
    with st.container(border=True):
        show_service(state, waiting=sum(row.schedule.own and not row.schedule.paused for row in rows))
    names = sorted(row.schedule.name for row in rows)
    _forget_removed(names)
    if rows:
        chosen = choose("Schedule", names, "schedule", forget=(FIRING,))
        _table(rows, served=state.alive)
        _show_schedule(next(row for row in rows if row.schedule.name == chosen), state)
    else:
        st.info("No schedule yet. Add one below, or type:")
        st.code('rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"', language=None)
    # Open as well while it says what it added: the first schedule would close it.
    open_still = not rows or "schedule-add-done" in st.session_state
    with st.expander("Add a schedule", icon=":material/add:", expanded=open_still):
        show_form()


def _table(rows: Sequence[ScheduleRow], *, served: bool) -> None:
    """Every schedule; a click on a row chooses it."""
    table = pd.DataFrame(
        {
            "name": [visible(row.schedule.name) for row in rows],
            "when": [visible(row.schedule.words) for row in rows],
            "next" if served else "would fire next": [_next(row) for row in rows],
            "last five, newest first": [", ".join(firing.state for firing in row.firings[:5]) or "none" for row in rows],
            "recipe": [visible(_inside(row.schedule.recipe)) for row in rows],
        }
    )

    def clicked() -> None:
        for place in st.session_state["schedules"].selection.rows:
            st.query_params["schedule"] = rows[place].schedule.name
            st.query_params.pop(FIRING, None)

    st.dataframe(
        table,
        hide_index=True,
        width="stretch",
        column_config={"recipe": {"width": "medium"}},
        key="schedules",
        on_select=clicked,
        selection_mode="single-row",
    )


def _show_schedule(row: ScheduleRow, state: Service) -> None:
    item, off = row.schedule, offline_reason(state)
    st.subheader(inert(item.name))
    if not item.own:
        _show_foreign(row)
        return
    st.markdown(f"{item.verb.capitalize()} {inert(_inside(item.recipe))}. {inert(item.words)}. {_terms(row)}")
    with st.container(horizontal=True):
        done = [_button("resume" if item.paused else "pause", item.name)]
        if off:
            disabled_button("Run now", off, f"run-now-{item.name}")
        else:
            done.append(_button("run-now", item.name))
        done.append(_button("remove", item.name))
    if any(done):
        show_done(max(filter(None, done), key=lambda command: command.at))
    show_firings(row, off)
    st.markdown("**Next five**" if state.alive else "**Next five, if it were served**")
    st.dataframe(
        pd.DataFrame({"fires": [time_words(when) for when in row.next_five] or [_next(row)]}),
        hide_index=True,
        width="content",
    )


def _show_foreign(row: ScheduleRow) -> None:
    """A schedule that was not written here: how it is accepted, and the button that removes it."""
    st.warning("It was not written here, and does not fire. This shows what it would run:", icon=":material/warning:")
    st.code(visible(row.schedule.acceptance), language=None)
    if done := _button("remove", row.schedule.name):
        show_done(done)
    show_firings(row, row.schedule.rests)


def _button(verb: str, name: str) -> CommandStatus | None:
    label = verb.replace("-", " ").capitalize()
    words = ["schedule", verb, "--", name]
    removes = verb == "remove"
    stays = "Its datasets and the record of its firings stay." if removes else None
    slot = "pause" if verb == "resume" else verb  # one button, which stays when its label changes
    return silent_button(label, words, key=f"schedule-{slot}-{name}", help=stays, confirm=removes)


def _forget_removed(names: Sequence[str]) -> None:
    """Report the removal of the schedule in the address, and let the page continue with another."""
    addressed = st.query_params.get("schedule")
    done: CommandStatus | None = st.session_state.get(f"schedule-remove-{addressed}-done")
    if addressed not in names and done is not None and done.status == 0:
        for key in ("schedule", FIRING):
            st.query_params.pop(key, None)
        show_done(done)


OVERLAPS = {"queue": "One that falls due while it runs waits.", "allow": "One that falls due while it runs runs beside it."}


def _terms(row: ScheduleRow) -> str:
    """Options that are not at their default, in one line."""
    item = row.schedule
    told = [item.notify.command and "a command", item.notify.webhook and f"the webhook in {item.notify.webhook}"]
    parts = [
        "Paused." if item.paused else "",
        f"Fresh: each firing gets the next {item.fresh}." if item.fresh else "",
        OVERLAPS.get(item.overlap, ""),
        f"{item.retries + 1} attempts, {item.retry_delay} s apart." if item.retries else "",
        f"Profile {_inside(item.profile)}." if item.profile else "",
        f"With {', '.join(item.sets)}." if item.sets else "",
        f"{ENDS[item.notify.when]} reported to {' and '.join(filter(None, told))}." if any(told) else "",
    ]
    return inert(" ".join(filter(None, parts)), 600)


def _next(row: ScheduleRow) -> str:
    return row.schedule.rests or time_words(row.next_five[0])


def _inside(path: str) -> str:
    """A path relative to the workspace."""
    root = f"{reader().root}/"
    return path.removeprefix(root)
