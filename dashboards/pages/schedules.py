"""Schedules: their next firings and the results of the last ones; pause, resume, run now, remove, add."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboards.inert import inert, one_line, visible
from dashboards.parts.activity import time_words
from dashboards.session.address import choose, link
from dashboards.session.commands import Done, command_button, show_done, silent_button
from dashboards.session.scope import reader
from storage.queries.schedules import ScheduleRow, recipe_files, schedules, service

KINDS = {  # what fires a schedule: the option, a default value, a help text
    "Cron line": ("--cron=", "0 2 * * *", "Minute, hour, day of the month, month, day of the week."),
    "Interval": ("--every=", "6h", "Minutes or hours, less than a day: 30m, 6h."),
    "New version of a dataset": ("--on=version:", "", "The dataset's name."),
    "New model": ("--on=model:", "", "A model's name in the evaluation's `models:`."),
}
ENDS = {"failure": "Failures are", "always": "Every end is"}


def show() -> None:
    """Draw the page."""
    st.title("Schedules")
    rows = schedules(reader())
    _show_service(waiting=sum(not row.schedule.paused for row in rows))
    names = sorted(row.schedule.name for row in rows)
    _forget_removed(names)
    if rows:
        chosen = choose("Schedule", names, "schedule")
        st.dataframe(_table(rows), hide_index=True, width="stretch", column_config={"recipe": {"width": "medium"}})
        _show_schedule(next(row for row in rows if row.schedule.name == chosen))
    else:
        st.info("No schedule yet. Add one below, or type:")
        st.code('rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"', language=None)
    with st.expander("Add a schedule", icon=":material/add:", expanded=not rows):
        _add()


def _show_service(waiting: int) -> None:
    state = service(reader())
    if state.status == "up":
        st.caption(f"Served: {inert(state.line().partition(': ')[2])}")
    elif state.alive or not waiting:
        st.info(inert(state.line(), 1000))
    else:
        wait = "1 waits" if waiting == 1 else f"{waiting:,} wait"
        message = state.line().partition(" Next:")[0].replace("`", "")  # the command is shown below for copying
        st.warning(f"{inert(message, 1000)} {wait} for it.", icon=":material/warning:")
        st.code("rollmill up", language=None)


def _table(rows: list[ScheduleRow]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": [visible(row.schedule.name) for row in rows],
            "when": [visible(row.schedule.words) for row in rows],
            "next": [_next(row) for row in rows],
            "last five, newest first": [", ".join(firing.status for firing in row.last_five) or "none" for row in rows],
            "recipe": [visible(_inside(row.schedule.recipe)) for row in rows],
        }
    )


def _show_schedule(row: ScheduleRow) -> None:
    item = row.schedule
    st.subheader(inert(item.name))
    st.markdown(f"{item.verb.capitalize()} {inert(_inside(item.recipe))}. {inert(item.words)}. {_terms(row)}")
    with st.container(horizontal=True):
        turn = "resume" if item.paused else "pause"
        done = [_button(verb, item.name) for verb in (turn, "run-now", "remove")]
    if any(done):
        show_done(max(filter(None, done), key=lambda command: command.at))
    left, right = st.columns([1, 2])
    left.markdown("**Next five**")
    left.dataframe(pd.DataFrame({"fires": [time_words(when) for when in row.next_five] or [_next(row)]}), hide_index=True)
    right.markdown("**Last five**")
    if not row.last_five:
        right.caption("It has not fired yet.")
        return
    right.dataframe(_firings(row), hide_index=True, width="stretch")
    last = next((firing for firing in row.last_five if firing.run is not None), row.last_five[0])
    with right:
        if last.run is not None:
            link("Runs", f"Its last run {inert(last.run)}", icon=":material/play_circle:", run=last.run)
        if last.recipe is not None:
            with st.expander("The recipe as it stood at the last firing"):
                st.json(dict(last.recipe), expanded=1)


def _button(verb: str, name: str) -> Done | None:
    label = verb.replace("-", " ").capitalize()
    words = ["schedule", verb, "--", name]
    removes = verb == "remove"
    stays = "Its datasets and the record of its firings stay." if removes else None
    slot = "pause" if verb == "resume" else verb  # one button, which stays when its label changes
    return silent_button(label, words, key=f"schedule-{slot}-{name}", help=stays, confirm=removes)


def _forget_removed(names: Sequence[str]) -> None:
    """Report the removal of the schedule in the address, and let the page go on with another."""
    addressed = st.query_params.get("schedule")
    done: Done | None = st.session_state.get(f"schedule-remove-{addressed}-done")
    if addressed not in names and done is not None and done.status == 0:
        st.query_params.pop("schedule")
        show_done(done)


def _terms(row: ScheduleRow) -> str:
    """Options that are not at their default, in one line."""
    item = row.schedule
    told = [item.notify.command and "a command", item.notify.webhook and f"the webhook in {item.notify.webhook}"]
    parts = [
        "Paused." if item.paused else "",
        f"Fresh: each firing gets the next {item.fresh}." if item.fresh else "",
        "One that falls due while it runs waits." if item.overlap == "queue" else "",
        f"{item.retries + 1} attempts, {item.retry_delay} s apart." if item.retries else "",
        f"Profile {_inside(item.profile)}." if item.profile else "",
        f"With {', '.join(item.sets)}." if item.sets else "",
        f"{ENDS[item.notify.when]} told to {' and '.join(filter(None, told))}." if any(told) else "",
    ]
    return inert(" ".join(filter(None, parts)), 600)


def _firings(row: ScheduleRow) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "fired": time_words(firing.fired_at),
                "outcome": firing.status,
                "took": "" if firing.ended_at is None else f"{(firing.ended_at - firing.fired_at).total_seconds():,.0f} s",
                "said": one_line(firing.said),
            }
            for firing in row.last_five
        ]
    )


def _add() -> None:
    """The options of `schedule add`; the dry run shows its next firings."""
    files = recipe_files(reader())
    if not files:
        st.info("No recipe in this workspace yet.")
        st.code("rollmill init .", language=None)
        return
    first, second, third = st.columns(3)
    recipe = first.selectbox("Recipe or evaluation", files, key="add-recipe", format_func=visible)
    name = first.text_input("Name", key="add-name", placeholder="the recipe's")
    kind = second.selectbox("Fires by", list(KINDS), key="add-kind")
    option, value, hint = KINDS[kind]
    when = second.text_input(kind, value, key=f"add-{kind}", help=hint)
    zone = second.text_input("Time zone", "UTC", key="add-zone", help="Europe/Berlin, for one.")
    fresh = third.selectbox("Draws afresh", ["no", "redraw", "seed"], key="add-fresh")
    overlap = third.selectbox("While one runs, the next", ["skip", "queue"], key="add-overlap")
    retries = third.number_input("Further attempts after a failure", 0, 100, 0, key="add-retries")
    arguments = [
        "schedule",
        "add",
        f"{option}{when.strip()}",
        f"--timezone={zone.strip()}",
        f"--overlap={overlap}",
        *([f"--name={name.strip()}"] if name.strip() else []),
        *([f"--fresh={fresh}"] if fresh != "no" else []),
        *([f"--retries={retries}"] if retries else []),
    ]
    with st.container(horizontal=True):
        command_button("Dry run", [*arguments, "--dry-run", "--", recipe], key="schedule-dry", help="When it would fire.")
        command_button("Add", [*arguments, "--", recipe], key="schedule-add")


def _next(row: ScheduleRow) -> str:
    if row.schedule.paused:
        return "paused"
    return time_words(row.next_five[0]) if row.next_five else "when it comes"


def _inside(path: str) -> str:
    """A path relative to the workspace."""
    root = f"{reader().root}/"
    return path.removeprefix(root)
