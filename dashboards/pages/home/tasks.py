"""The card "Needs you": a line for each task, which is one link to the place where it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.parts.activity import UNFINISHED
from rollmill.dashboards.session.address import link
from rollmill.storage.queries.judge.review import UNDECIDED
from rollmill.storage.queries.open_tasks import OpenTask

MOST = 8  # lines before the rest is folded
FIRED = {**UNFINISHED, "failed": "failed", "refused": "was refused"}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A line of the card: its text as Markdown, its icon, and the page with the parameters that it opens."""

    text: str
    icon: str
    page: str
    query: Mapping[str, str]


def show_tasks(tasks: Sequence[OpenTask]) -> None:
    """Draw the card's lines."""
    lines = [task_line(task) for task in tasks]
    _draw(lines[:MOST])
    if len(lines) > MOST:
        with st.expander(f"{len(lines) - MOST:,} more"):
            _draw(lines[MOST:])
    if not lines:
        st.caption("Nothing: every recipe's newest run ended well, and nothing waits to be judged.")


def _draw(lines: Sequence[TaskLine]) -> None:
    for line in lines:
        link(line.page, line.text, icon=f":material/{line.icon}:", **line.query)


def task_line(task: OpenTask) -> TaskLine:
    """The line of a task."""
    name = inert(task.name)
    match task.kind:
        case "refused":
            return TaskLine(f"{name} was refused by its gate", "block", "Runs", {"run": task.name, "tab": "Gate"})
        case "ended":
            return TaskLine(f"{name} {UNFINISHED[task.words]}", "error", "Runs", {"run": task.name})
        case "fired":
            place = {"schedule": task.name, "firing": str(task.firing)}
            return TaskLine(f"Schedule {name} {FIRED[task.words]}", "event_busy", "Schedules", place)
        case "paused":
            return TaskLine(f"Schedule {name} is paused", "pause", "Schedules", {"schedule": task.name})
        case "foreign":
            text = f"Schedule {name} was not written here and does not fire"
            return TaskLine(text, "lock", "Schedules", {"schedule": task.name})
        case "audit":
            text = f"{task.left:,} of {task.drawn:,} rollouts wait in the audit {name}"
            return TaskLine(text, "fact_check", "Review", {"queue": task.name})
        case "undecided":
            return TaskLine(_undecided(task), "fact_check", "Review", {"queue": f"{UNDECIDED}{task.name}"})
        case "sign-off":
            place = {"dataset": task.name.partition("@")[0], "version": task.name, "tab": "Tags and sign-off"}
            return TaskLine(f"{name} has no sign-off; {inert(task.words)} has one", "verified", "Datasets", place)


def _undecided(task: OpenTask) -> str:
    rollouts = "1 rollout" if task.drawn == 1 else f"{task.drawn:,} rollouts"
    if not task.left:
        return f"{rollouts} of {inert(task.name)} judged by people: apply the judgements"
    judged = f", {task.drawn - task.left:,} judged" if task.left < task.drawn else ""
    return f"{rollouts} of {inert(task.name)} {'is' if task.drawn == 1 else 'are'} undecided{judged}"
