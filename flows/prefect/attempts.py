"""Start of a scheduled run: retried after a failure, and its end notified."""

import json
import os
import shlex
import subprocess
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rollmill.flows.job import Job
from rollmill.flows.limits import LimitReached
from rollmill.ground.errors import FoundWanting, SetupError, Unavailable
from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from http.client import HTTPResponse

FINAL = (SetupError, FoundWanting, LimitReached)  # a mistake, a gate's no, a limit: another attempt would end the same


def attempts(schedule: str, job: Job, once: Callable[[], dict[str, Any]], flow_run: str | None = None) -> dict[str, Any]:
    """Outcome of `once`, with a firing in the ledger for each attempt; `flow_run`: Prefect's id, by which the firing counts
    once.
    """
    with Workspace.open(Path(job.workspace)) as workspace:
        if flow_run is not None and not workspace.firings.may_begin(flow_run):
            return {"skipped": schedule}  # another process of the same firing was quicker, or has ended it
        item = next((item for item in Schedules(workspace.state).own() if item.name == schedule), None)
        if item is None:  # removed since, or not own any more
            return {"skipped": schedule}
    try:
        return _tried(item, once)
    finally:
        _tell(item, job)


def _tried(item: Schedule, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    for _ in range(item.retries):
        try:
            return once()
        except Exception as error:  # it is in the ledger with its message
            if isinstance(error, FINAL) and not isinstance(error, Unavailable):
                raise
            time.sleep(item.retry_delay)
    return once()


def _tell(item: Schedule, job: Job) -> None:
    """Send the notification of the last end; a failure to send it is added to the ledger's entry."""
    with Workspace.open(Path(job.workspace)) as workspace:
        last = workspace.firings.last(item.name)
        problem = "" if last is None else notify(item, last)
        if last is not None and problem:
            workspace.firings.end(last.id, last.status, f"{last.said}; {problem}", last.run)


WELL = ("done", "skipped")
SECONDS = 30.0


def notify(item: Schedule, firing: Firing) -> str:
    """Tell what the schedule names of a firing's end; what went wrong with that, without the address, else nothing."""
    address = item.notify
    if address.when == "failure" and firing.status in WELL:
        return ""
    row = {key: value for key, value in asdict(firing).items() if key not in ("id", "recipe")}
    row["text"] = f"Rollmill: schedule {firing.schedule} {firing.status}. {firing.said}"
    body = json.dumps(row, default=str).encode() + b"\n"
    problems = [
        _run(address.command, body) if address.command else "",
        _post(address.webhook, body) if address.webhook else "",
    ]
    return "; ".join(filter(None, problems))


def _run(command: str, body: bytes) -> str:
    try:
        done = subprocess.run(shlex.split(command), input=body, timeout=SECONDS, stdout=subprocess.DEVNULL)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"the notification's command failed ({type(error).__name__})"
    return f"the notification's command ended with status {done.returncode}" if done.returncode else ""


class _Unmoved(urllib.request.HTTPRedirectHandler):
    """Refusal of redirects: urllib would follow one to any host and give it the key of the request."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No request: the redirect is an HTTPError."""


_ASKS = urllib.request.build_opener(_Unmoved)


def asked_there(request: urllib.request.Request, seconds: float) -> "HTTPResponse":
    """The reply of the host that an http address names, and of no other; OSError for any other status than success."""
    reply: HTTPResponse = _ASKS.open(request, timeout=seconds)
    return reply


def _post(variable: str, body: bytes) -> str:
    address = os.environ.get(variable, "")
    if urlsplit(address).scheme not in ("http", "https"):
        return f"{variable} holds no http address where `rollmill up` was started"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - checked above
    try:
        with asked_there(request, SECONDS):
            return ""
    except (OSError, ValueError) as error:
        return f"the webhook in {variable} failed ({getattr(error, 'code', type(error).__name__)})"
