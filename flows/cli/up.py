"""`rollmill up`: a standing Prefect server and the schedules, in the background. Knows no recipe."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, line
from storage.errors import RollmillError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("up")(up)


def up(
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in front, for a service manager.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Start this workspace's Prefect server and serve its schedules; `rollmill down` ends it.

    Example: rollmill up && rollmill schedule list
    """
    from flows.prefect.managed import find_standing
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        state = workspace.state
    found = find_standing(state)
    if dry_run:
        text = "is up already" if found else "would start a Prefect server"
        return as_json({"up": found is not None}) if json else line(f"{state.parent} {text}.")
    if foreground and found is None:
        from flows.prefect.standing import main

        return main([str(state)])
    row = _row(found or _start(state))
    if json:
        return as_json(row)
    line(f"{'Up already' if found else 'Up'}: Prefect at {row['url']} (pid {row['pid']}). Log: {row['log']}")
    return line('Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"   (rollmill down ends it)')


def _start(state: Path) -> Any:
    """The standing process, detached, once it has written its file."""
    from flows.prefect.managed import PATIENCE, find_standing
    from flows.prefect.process import spawn

    log, temporary = state / "logs" / "up.log", state / "tmp"
    temporary.mkdir(exist_ok=True)  # what a killed runner leaves stays inside the workspace
    command = [sys.executable, "-P", "-m", "flows.prefect.standing", str(state)]
    child = spawn(command, {**os.environ, "TMPDIR": str(temporary)}, log)
    deadline = time.monotonic() + PATIENCE
    while child.poll() is None and time.monotonic() < deadline:
        found = find_standing(state)
        if found is not None:
            return found
        time.sleep(0.1)
    raise RollmillError(f"the Prefect server did not come up; see {log}.")


def _row(found: Any) -> dict[str, Any]:
    log = found.home.parent / "logs" / "up.log"
    return {"pid": found.process.pid, "port": found.port, "url": f"http://127.0.0.1:{found.port}", "log": str(log)}
