"""A start of a schedule: left out where the one before still ran, tried again where it failed, told at its end."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.job import Job
from flows.limits import LimitReached
from flows.prefect.notify import notify
from storage.errors import FoundWanting, SetupError
from storage.run_records import Firing
from storage.schedules import Schedule, Schedules
from storage.workspace import Workspace

FINAL = (SetupError, FoundWanting, LimitReached)  # a mistake, a gate's no, a limit: another attempt would end the same


def attempts(schedule: str, job: Job, due: datetime | None, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `once` gives, a firing in the ledger each time; `due`: when the schedule wanted it."""
    with Workspace.open(Path(job.workspace)) as workspace:
        item = next((one for one in Schedules(workspace.state).all() if one.name == schedule), None)
        if item is None:  # removed since
            return once()
        if item.overlap == "skip" and _still_ran(workspace.firings.last(schedule), due):
            skipped = workspace.firings.skip(schedule, job.recipe, "the one before still ran when it fell due")
            notify(item, skipped)
            return {"skipped": schedule}
    try:
        return _tried(item, once)
    finally:
        _tell(item, job)


def _still_ran(last: Firing | None, due: datetime | None) -> bool:
    if last is None or due is None:
        return False
    return last.status == "running" or (last.ended_at is not None and last.ended_at > due)


def _tried(item: Schedule, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    for _ in range(item.retries):
        try:
            return once()
        except FINAL:
            raise
        except Exception:  # it is in the ledger with its message
            time.sleep(item.retry_delay)
    return once()


def _tell(item: Schedule, job: Job) -> None:
    """Tell the last end; what went wrong with that is added to what the ledger says of it."""
    with Workspace.open(Path(job.workspace)) as workspace:
        last = workspace.firings.last(item.name)
        problem = "" if last is None else notify(item, last)
        if last is not None and problem:
            workspace.firings.end(last.id, last.status, f"{last.said}; {problem}", last.run)
