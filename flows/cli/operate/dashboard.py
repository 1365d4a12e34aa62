"""`rollmill dashboard`: the pages on the loopback, in front; their address is printed once the first page answers."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from rollmill.flows.cli.ending import told
from rollmill.flows.cli.output import DryRun, line, note, seconds_shown
from rollmill.flows.job import workspace_root
from rollmill.ground.errors import RollmillError, SetupError, not_installed

TICK_SECONDS = 0.1
END_SECONDS = 10.0  # from SIGTERM to SIGKILL
MORE_PORTS = 100  # that are tried for one to suggest


def dashboard(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The loopback port.")] = 8501,
    browser: Annotated[bool, typer.Option("--browser", help="Open a browser window.")] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Read-only: no page changes anything.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Browse runs, datasets, problems and difficulty; works while a run writes. Ctrl-C ends it.

    The pages answer the browser that opened the printed address, which holds a token, valid until this process ends. It may
    change the workspace (schedules, tags, judgements), unless --read-only is given.

    Example: rollmill dashboard --port 8600
    """
    from rollmill.flows.prefect.pages import address, command, command_here, explain_rules
    from rollmill.pipelines.processes.local_server import new_secret
    from rollmill.pipelines.processes.spawn import environment, spawn

    root = workspace_root()
    _refuse_absent()
    if dry_run:
        return line(" ".join(command(port)))
    _refuse_taken(root, port)
    if not read_only:
        explain_rules(root)
    token = new_secret()
    shown = address(port, token)
    variables = environment(os.environ.get("PYTHONPATH"), ROLLMILL_TOKEN=token, ROLLMILL_WORKSPACE=str(root))
    variables |= {"ROLLMILL_READ_ONLY": "1"} if read_only else {}
    variables |= {"ROLLMILL_BROWSER": shown} if browser else {}
    # In a session of its own: Ctrl-C is for this process alone, which ends it in order.
    child = spawn(command_here(port), variables, start_new_session=True)
    answered = False
    try:
        with seconds_shown("starting") as tick:
            _await_first_page(child, port, token, tick)
        answered = True
        line(f"{shown}   (Ctrl-C ends it)")
        sys.stdout.flush()
        status = child.wait()
    except KeyboardInterrupt:
        _end(child)
        if answered:
            return None
        note("Ended before the dashboard answered.\nNext: rollmill dashboard")
        told()
        raise typer.Exit(130) from None
    raise _ended(status)


def _refuse_absent() -> None:
    """SetupError without the pages or without Streamlit."""
    from rollmill.flows.prefect.pages import SERVE

    if not SERVE.exists():
        raise SetupError(f"this checkout has no dashboard ({SERVE}).")
    if absent := not_installed("streamlit"):
        raise absent


def _refuse_taken(root: Path, port: int) -> None:
    """SetupError for a port at which something listens."""
    from rollmill.flows.prefect.pages import port_fault
    from rollmill.storage.standing import find_standing
    from rollmill.storage.workspace import Workspace

    if not (why := port_fault(port)):
        return
    with Workspace.open(root) as workspace:
        standing = find_standing(workspace.state)
    if standing is not None and f":{port}/" in standing.dashboard:
        raise SetupError(f"`rollmill up` serves this dashboard already: {standing.dashboard}", next_command="rollmill down")
    free = next((other for other in range(port + 1, min(port + MORE_PORTS, 65536)) if not port_fault(other)), None)
    raise SetupError(f"{why}.", next_command=f"rollmill dashboard --port {free or 'N'}")


def _await_first_page(child: "subprocess.Popen[bytes]", port: int, token: str, tick: Callable[[], None]) -> None:
    """Return once the first page was drawn; RollmillError if the process ends before."""
    from threading import Event, Thread

    from rollmill.flows.prefect.pages import PATIENCE, first_page_answers

    drawn, deadline = Event(), time.monotonic() + PATIENCE

    def ask() -> None:
        while child.poll() is None and not drawn.is_set():
            if first_page_answers(port, token):
                drawn.set()
            drawn.wait(TICK_SECONDS)

    Thread(target=ask, daemon=True).start()  # the answer comes with the page, and the seconds go on
    while not drawn.wait(TICK_SECONDS):
        tick()
        if (status := child.poll()) is not None:
            raise _ended(status)
        if time.monotonic() > deadline:
            _end(child)
            raise RollmillError(f"the dashboard did not answer for {PATIENCE:.0f} s. Next: rollmill doctor")


def _ended(status: int) -> RollmillError:
    from rollmill.pipelines.processes.spawn import ending

    return RollmillError(f"the dashboard ended with {ending(status)}; its output is above. Next: rollmill dashboard")


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        child.wait(END_SECONDS)
    child.kill()
    child.wait()
