"""Tell somebody how a firing ended: a program of theirs, or a server whose address is in the environment."""

import json
import os
import shlex
import subprocess
import urllib.request
from dataclasses import asdict
from urllib.parse import urlsplit

from storage.run_records import Firing
from storage.schedules import Schedule

WELL = ("done", "skipped")
SECONDS = 30.0


def notify(item: Schedule, firing: Firing) -> str:
    """Tell what the schedule names of a firing's end; what went wrong with that, without the address, else nothing."""
    told = item.notify
    if told.when == "failure" and firing.status in WELL:
        return ""
    row = {key: value for key, value in asdict(firing).items() if key not in ("id", "recipe")}
    row["text"] = f"Rollmill: schedule {firing.schedule} {firing.status}. {firing.said}"
    body = json.dumps(row, default=str).encode() + b"\n"
    problems = [
        _run(told.command, body) if told.command else "",
        _post(told.webhook, body) if told.webhook else "",
    ]
    return "; ".join(filter(None, problems))


def _run(command: str, body: bytes) -> str:
    try:
        done = subprocess.run(shlex.split(command), input=body, timeout=SECONDS, stdout=subprocess.DEVNULL)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"the notification's command failed ({type(error).__name__})"
    return f"the notification's command ended with status {done.returncode}" if done.returncode else ""


def _post(variable: str, body: bytes) -> str:
    address = os.environ.get(variable, "")
    if urlsplit(address).scheme not in ("http", "https"):
        return f"{variable} holds no http address where `rollmill up` was started"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):  # noqa: S310
            return ""
    except (OSError, ValueError) as error:
        return f"the webhook in {variable} failed ({getattr(error, 'code', type(error).__name__)})"
