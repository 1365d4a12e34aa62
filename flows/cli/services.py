"""`rollmill up|down|dashboard`: what a workspace serves in the background: Prefect with the schedules, and the pages."""

import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows import CHECKOUT
from flows.cli.output import AsJson, DryRun, as_json, doing, line, note
from storage.errors import RollmillError, SetupError

if TYPE_CHECKING:
    import subprocess

    from flows.prefect.service import Standing

DASHBOARD = CHECKOUT / "dashboards" / "serve.py"


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
    standing = _awaited(state, None if before.alive else _start(state, chosen))
    pid, url = standing.process.pid, f"http://127.0.0.1:{standing.port}"
    if json:
        return as_json({"pid": pid, "port": standing.port, "url": url, "log": str(_log(state))})
    line(f"{'Up already' if before.alive else 'Up'}: Prefect at {url} (pid {pid}). Log: {_log(state)}")
    return line('Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"   (rollmill down ends it)')


def _start(state: Path, port: int) -> "subprocess.Popen[bytes]":
    """The standing process, detached."""
    from flows.prefect.service import standing_file
    from pipelines.processes.spawn import environment, module_command, spawn_apart

    standing_file(state).unlink(missing_ok=True)
    temporary = state / "tmp"
    temporary.mkdir(exist_ok=True)  # what a killed runner leaves stays inside the workspace
    # A process apart, which outlives this command and its terminal.
    command = module_command("flows.prefect.standing", str(state), str(port))
    return spawn_apart(command, environment(os.environ.get("PYTHONPATH"), TMPDIR=str(temporary)), _log(state))


def _awaited(state: Path, child: "subprocess.Popen[bytes] | None") -> "Standing":
    """The standing server once it answers; RollmillError says what it said when it does not come up."""
    from flows.prefect.managed import PATIENCE
    from flows.prefect.service import look

    deadline, reported = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline:
        ended = child is not None and child.poll() is not None
        service = look(state)
        if service.standing is not None and service.status == "up":
            return service.standing
        reason = service.standing.said if service.standing is not None else ""
        if ended or service.status in ("gave up", "killed"):
            raise RollmillError(f"the standing server did not come up: {reason or f'see {_log(state)}'}")
        if reason and service.status in ("starting", "restarting") and service.line() != reported:
            reported = service.line()
            note(reported)
        time.sleep(0.1)
    raise RollmillError(f"the standing server did not come up; see {_log(state)}.")


def _log(state: Path) -> Path:
    return state / "logs" / "up.log"


def down(*, dry_run: DryRun = False, json: AsJson = False) -> None:
    """End this workspace's Prefect server and its schedules. A run in progress stops and can be resumed.

    Example: rollmill down
    """
    from flows.prefect.service import find_standing, standing_file
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        state = workspace.state
    standing = find_standing(state)
    if not dry_run:
        if standing is not None:
            standing.process.end(patience=15)
        standing_file(state).unlink(missing_ok=True)  # also that of one that was killed or gave up
    if json:
        return as_json({"ended": standing.process.pid if standing and not dry_run else None})
    if standing is None:
        return line("Nothing is up in this workspace.")
    return line(f"{'Would end' if dry_run else 'Ended'} the Prefect server (pid {standing.process.pid}).")


def dashboard(  # noqa: RET503 (it becomes the other program)
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The loopback port.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser window.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="No page changes anything, whoever opens it.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Browse runs, datasets, problems and difficulty; works while a run writes. Ctrl-C ends it.

    The pages may change the workspace (schedules, tags, judgements) in a browser that opened the printed address: its
    token is of this process alone. Without it they are read-only.

    Example: rollmill dashboard --port 8600
    """
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        root = workspace.root
    if not DASHBOARD.exists():
        raise SetupError("this checkout has no dashboard (dashboards/serve.py).")
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "logger.hideWelcomeMessage": "true",  # its address would be without the token
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "server.fileWatcherType": "none",  # nobody edits the pages while they are served
    }
    command = [
        sys.executable,
        "-P",  # the current folder holds a user's files, which must not stand for modules of ours
        "-m",
        "streamlit",
        "run",
        str(DASHBOARD),
        *(f"--{key}={value}" for key, value in options.items()),
    ]
    if dry_run:
        return line(" ".join(command))
    token = "" if read_only else secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{port}/" + (f"?token={token}" if token else "")
    line(f"{address}   (Ctrl-C ends it)")
    sys.stdout.flush()
    os.environ["ROLLMILL_TOKEN"] = token
    if browser:
        os.environ["ROLLMILL_BROWSER"] = address
    os.environ["ROLLMILL_WORKSPACE"] = str(root)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(DASHBOARD.parents[1]), os.environ.get("PYTHONPATH", "")]))
    os.execv(sys.executable, command)  # noqa: S606 - this very interpreter, arguments of our own
