"""`rollmill up`: a standing Prefect server and the schedules, in the background. Knows no recipe."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.output import AsJson, DryRun, as_json, doing, line, note
from storage.errors import RollmillError

if TYPE_CHECKING:
    import subprocess

    from flows.prefect.service import Standing


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("up")(up)


def up(
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in front, for a service manager.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Of Prefect's pages; 4200 by default.")
    ] = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Start this workspace's Prefect server and serve its schedules; `rollmill down` ends it.

    A server that dies is started again. The port is that of [up] in rollmill.toml where none is given.

    Example: rollmill up && rollmill schedule list
    """
    from flows.prefect.service import look
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        state, chosen = workspace.state, workspace.up_port if port is None else port
    before = look(state)
    if dry_run:
        row = {"up": before.alive, "port": chosen}
        return as_json(row) if json else line(before.line() if before.alive else f"Would start a server at {chosen}.")
    if foreground and not before.alive:
        from flows.prefect.standing import main

        return main([str(state), str(chosen)])
    if before.status in ("gave up", "killed"):
        note(before.line())
    doing("waiting for Prefect's server")
    found = _awaited(state, None if before.alive else _start(state, chosen))
    row = _row(found)
    if json:
        return as_json(row)
    line(f"{'Up already' if before.alive else 'Up'}: Prefect at {row['url']} (pid {row['pid']}). Log: {row['log']}")
    return line('Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"   (rollmill down ends it)')


def _start(state: Path, port: int) -> "subprocess.Popen[bytes]":
    """The standing process, detached."""
    from flows.prefect.service import standing_file
    from pipelines.processes.spawn import environment, module_command, spawn_apart

    standing_file(state).unlink(missing_ok=True)
    temporary = state / "tmp"
    temporary.mkdir(exist_ok=True)  # what a killed runner leaves stays inside the workspace
    command = module_command("flows.prefect.standing", str(state), str(port))
    return spawn_apart(command, environment(os.environ.get("PYTHONPATH"), TMPDIR=str(temporary)), _log(state))


def _awaited(state: Path, child: "subprocess.Popen[bytes] | None") -> "Standing":
    """The standing server once it answers; RollmillError says what it said when it does not come up."""
    from flows.prefect.managed import PATIENCE
    from flows.prefect.service import look

    deadline, told = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline:
        ended = child is not None and child.poll() is not None
        found = look(state)
        if found.standing is not None and found.status == "up":
            return found.standing
        if ended or found.status in ("gave up", "killed"):
            said = found.standing.said if found.standing is not None else ""
            raise RollmillError(f"the standing server did not come up: {said or f'see {_log(state)}'}")
        if found.status in ("starting", "restarting") and found.line() != told and found.standing and found.standing.said:
            told = found.line()
            note(told)
        time.sleep(0.1)
    raise RollmillError(f"the standing server did not come up; see {_log(state)}.")


def _log(state: Path) -> Path:
    return state / "logs" / "up.log"


def _row(found: "Standing") -> dict[str, Any]:
    url = f"http://127.0.0.1:{found.port}"
    return {"pid": found.process.pid, "port": found.port, "url": url, "log": str(_log(found.home.parent))}
