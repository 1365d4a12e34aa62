"""Running runs, trainings and due schedules on Home and their own pages: redrawing, time left."""

from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from rollmill.dashboards.session.kept import kept_runs
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import duration
from rollmill.stats import TimeLeft, longest, time_left, whole_of
from rollmill.storage.queries import Run, StageProgress
from rollmill.storage.queries.models.progress import TrainingLine, training_lines

REFRESH_LIVE, REFRESH_IDLE = "2s", "10s"  # a run begun in another terminal appears by itself
UNFINISHED = {"failed": "crashed", "killed": "was killed", "interrupted": "was stopped", "stopped": "reached a limit"}
TIME = "%a %d %b %Y, %H:%M %Z"


def follow_runs(summaries: Sequence[Run]) -> None:
    """Redraw the page whenever a run begins or ends; `summaries` are the runs it shows."""
    live = any(run.status == "running" for run in summaries)
    st.fragment(follow, run_every=REFRESH_LIVE if live else REFRESH_IDLE)(reader().state(), statuses(summaries))


def statuses(summaries: Sequence[Run]) -> list[tuple[str, str]]:
    """Key of a page of runs, for redrawing it: the runs and their status."""
    return [(run.id, run.status) for run in summaries]


def follow(state: tuple[object, ...], before: list[tuple[str, str]]) -> None:
    """Redraw the page when a run began, ended or was killed; costs one row of the ledger while no run works."""
    works = any(status == "running" for _, status in before)
    if (works or reader().state() != state) and statuses(kept_runs(reader())) != before:
        st.rerun()


def follow_trainings(lines: Sequence[TrainingLine]) -> None:
    """Redraw the page whenever a training begins or ends; `lines` are those that it shows."""
    live = any(line.status == "running" for line in lines)
    st.fragment(_follow_trainings, run_every=REFRESH_LIVE if live else REFRESH_IDLE)(_states(lines))


def _follow_trainings(before: list[tuple[str, str]]) -> None:
    if _states(training_lines(reader())) != before:
        st.rerun()


def _states(lines: Sequence[TrainingLine]) -> list[tuple[str, str]]:
    return [(line.id, line.status) for line in lines]


def training_words(line: TrainingLine) -> str:
    """Progress of a training in a line: step, loss, speed, time left."""
    parts = [f"step {line.step:,}"]
    parts += [f"loss {line.loss:.4f}"] if line.loss is not None else []
    parts += [f"{line.rate:,.0f} tokens/s"] if line.rate is not None else []
    parts += [f"{duration(line.left)} left"] if line.left is not None else []
    return " · ".join(parts)


def left_of(stages: list[StageProgress]) -> TimeLeft | None:
    """Time left until everything is drawn and judged, later rounds included."""
    sampled = [stage for stage in stages if stage.stage in ("draw", "verify")]
    return longest(time_left(stage.done, whole_of(stage.detail, stage.total), stage.rate) for stage in sampled)


def time_words(when: datetime) -> str:
    """The time of a firing, in its own zone."""
    return when.strftime(TIME)
