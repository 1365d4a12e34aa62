"""`rollmill up|down`: what a workspace serves in the background: Prefect with the schedules, and the pages."""

import os
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, line, note, seconds_shown
from rollmill.ground.errors import RollmillError, not_installed

if TYPE_CHECKING:
    import subprocess

    from rollmill.storage.standing import Standing


Port = Annotated[
    int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="Port of Prefect's pages; 4200 by default.")
]
Pages = Annotated[
    int, typer.Option("--dashboard", metavar="N", min=0, max=65535, help="The port of the dashboard; 0 serves none.")
]


def up(  # noqa: PLR0913 (a verb's parameters are its options)
    *,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay in front, for a service manager.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="Write a unit that starts it with the machine.")] = False,
    port: Port = None,
    pages: Pages = 8501,
    exports: Annotated[bool, typer.Option("--exports", help="Print variables for Prefect's commands.")] = False,
    runs: Annotated[int, typer.Option(metavar="N", min=1, max=64, help="Scheduled runs that may go on at a time.")] = 2,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Start the background services of this workspace: Prefect's server, its schedules, the dashboard; `down` ends it.

    A service that dies is restarted. Without --port, Prefect's pages have the port of [up] in rollmill.toml. If
    PREFECT_API_URL names a server of your own, it keeps the schedules, and this machine runs them.

    Example: rollmill up && rollmill schedule list
    """
    from rollmill.flows.prefect.pages import explain_rules
    from rollmill.storage.schedules import Schedules, foreign_schedules
    from rollmill.storage.standing import look
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        state, chosen, pages = workspace.state, workspace.up_port if port is None else port, _servable(pages)
    if foreign := foreign_schedules(Schedules(state).all()):
        note(foreign)
    if systemd:
        return _write_unit(state, (chosen, pages, runs), dry_run=dry_run, json=json)
    before = look(state)
    if dry_run:
        plan = {"up": before.alive, "port": chosen, "dashboard": pages}
        return as_json(plan) if json else line(before.line() if before.alive else f"Would start a server at {chosen}.")
    if foreground and not before.alive:
        from rollmill.flows.prefect.standing import main

        return main([str(state), str(chosen), str(pages), str(runs)])
    if before.status in ("gave up", "killed"):
        note(before.line())
    if pages and not before.alive:
        explain_rules(state.parent)
    with seconds_shown("starting Prefect's server and the dashboard") as tick:
        standing = _awaited(state, None if before.alive else _start(state, chosen, pages, runs), pages, tick)
    row: dict[str, Any] = {"pid": standing.process.pid, "port": standing.port, "url": standing.api.removesuffix("/api")}
    row |= {"pages": standing.pages, "dashboard": standing.dashboard}
    if exports:
        return line("\n".join(f"export {name}={shlex.quote(text)}" for name, text in standing.variables.items()))
    if json:
        return as_json({**row, "log": str(_log(state))})
    return _say_up(standing, state, already=before.alive)


def _servable(pages: int) -> int:
    """The port of the dashboard, 0 if it is not installed."""
    if not pages or (absent := not_installed("streamlit")) is None:
        return pages
    note(f"No dashboard is served: {absent}")
    return 0


def _say_up(standing: "Standing", state: Path, *, already: bool) -> None:
    began = "Up already" if already else "Up"
    line(f"{began}: Prefect at {standing.pages} (pid {standing.process.pid}). Log: {_log(state)}")
    if standing.dashboard:
        line(f"Dashboard: {standing.dashboard}")
    line("Commands record their runs there from now on; earlier ones: rollmill runs list")
    return line('Next: rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"   (rollmill down ends it)')


def _start(state: Path, port: int, pages: int, runs: int) -> "subprocess.Popen[bytes]":
    """The standing process, detached."""
    from rollmill.pipelines.processes.spawn import environment, module_command, spawn_apart
    from rollmill.storage.standing import standing_file

    standing_file(state).unlink(missing_ok=True)
    temporary = state / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)  # what a killed runner leaves stays inside the workspace
    # A process apart, which outlives this command and its terminal.
    command = module_command("rollmill.flows.prefect.standing", str(state), str(port), str(pages), str(runs))
    return spawn_apart(command, environment(os.environ.get("PYTHONPATH"), TMPDIR=str(temporary)), _log(state))


def _write_unit(state: Path, numbers: tuple[int, int, int], *, dry_run: bool, json: bool) -> None:
    """Write the unit of systemd into the workspace, and say how it is put to use."""
    from rollmill.flows.prefect.systemd import unit, unit_file, variables_file
    from rollmill.ground.files import write_text

    path, text = unit_file(state), unit(state, *numbers)
    if (state / "up.env").exists():
        note(f"{state / 'up.env'} is not read, as it may have come with the folder. Its place is {variables_file()}.")
    if not dry_run:
        write_text(path, text)
    if json:
        return as_json({"unit": str(path), "text": text, "written": not dry_run})
    line(text if dry_run else f"Written: {path}")
    return line(f"Next: systemctl --user enable --now {path} && loginctl enable-linger   (after `rollmill down`)")


def _awaited(state: Path, child: "subprocess.Popen[bytes] | None", pages: int, tick: Callable[[], None]) -> "Standing":
    """The standing server once it and its pages answer; RollmillError with its output if it does not start.

    `tick` is called again and again meanwhile.
    """
    from rollmill.flows.prefect.managed import PATIENCE
    from rollmill.storage.standing import look

    deadline, reported = time.monotonic() + PATIENCE, ""
    while time.monotonic() < deadline:
        ended = child is not None and child.poll() is not None
        service = look(state)
        if (
            service.standing is not None
            and service.status == "up"
            and (service.standing.dashboard or not pages or not child)
        ):
            return service.standing
        reason = service.standing.said if service.standing is not None else ""
        if ended or service.status in ("gave up", "killed"):
            raise RollmillError(f"the standing server did not come up: {reason or f'see {_log(state)}'}")
        if reason and service.status in ("starting", "restarting") and service.line() != reported:
            reported = service.line()
            note(reported)
        tick()
        time.sleep(0.1)
    raise RollmillError(f"the standing server did not come up; see {_log(state)}.")


def _log(state: Path) -> Path:
    return state / "logs" / "up.log"


def down(*, dry_run: DryRun = False, json: AsJson = False) -> None:
    """End this workspace's Prefect server, its schedules and its dashboard. A run in progress stops and can be resumed.

    Example: rollmill down
    """
    from rollmill.pipelines.processes.proc import process
    from rollmill.storage.standing import find_standing, standing_file
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        state = workspace.state
    standing = find_standing(state)
    if not dry_run:
        if standing is not None:
            process(standing.process.pid).end(patience=15)
        standing_file(state).unlink(missing_ok=True)  # also that of one that was killed or gave up
    if json:
        return as_json({"ended": standing.process.pid if standing and not dry_run else None})
    if standing is None:
        return line("Nothing is up in this workspace.")
    return line(f"{'Would end' if dry_run else 'Ended'} the Prefect server (pid {standing.process.pid}).")
