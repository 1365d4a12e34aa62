"""The form that adds a schedule: the options of `rollmill schedule add`, with a dry run."""

import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.scope import reader
from rollmill.storage.queries.schedules import scheduled_files

KINDS = {  # what fires a schedule: the option, a default value, a help text
    "Cron line": ("--cron=", "0 2 * * *", "Minute, hour, day of the month, month, day of the week."),
    "Interval": ("--every=", "6h", "Minutes or hours, less than a day: 30m, 6h."),
    "New version of a dataset": ("--on=version:", "", "The dataset's name."),
    "New model": ("--on=model:", "", "A model of the recipe: its name in `models:`, or `models/NAME@latest`."),
}


def show_form() -> None:
    """Draw the form; the dry run shows the next firings."""
    files = scheduled_files(reader())
    if not files:
        st.info("No recipe in this workspace yet.")
        st.code("rollmill init .", language=None)
        return
    first, second, third = st.columns(3)
    recipe = first.selectbox("Recipe, evaluation, mixture or sweep", files, key="add-recipe", format_func=visible)
    name = first.text_input("Name", key="add-name", placeholder="the recipe's")
    kind = second.selectbox("Fires by", list(KINDS), key="add-kind")
    option, value, hint = KINDS[kind]
    when = second.text_input(kind, value, key=f"add-{kind}", help=hint)
    zone = second.text_input("Time zone", "UTC", key="add-zone", help="Europe/Berlin, for one.")
    fresh = third.selectbox("Draws afresh", ["no", "redraw", "seed"], key="add-fresh")
    overlap = third.selectbox("While one runs, the next", ["skip", "queue", "allow"], key="add-overlap")
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
