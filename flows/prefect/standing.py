"""The standing process of `rollmill up`: Prefect's server and the dashboard as its supervised children, and a runner that
serves the schedules.

Run as `python -m rollmill.flows.prefect.standing STATE PORT DASHBOARD RUNS`: the port of the pages, 0 for none, and how
many scheduled runs may go on at a time.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from rollmill.flows.prefect.firing import PARENT
from rollmill.flows.prefect.managed import PATIENCE, ManagedServer
from rollmill.flows.prefect.pages import serve_pages
from rollmill.flows.prefect.reconciling import reconcile_firings, record_before_start
from rollmill.flows.prefect.triggers import deployment_name, event_of, watch_always
from rollmill.ground.errors import RollmillError, SetupError
from rollmill.ground.files import no_link
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.standing import Status, healthy, lock_file, standing_file, write_standing

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

POLL_SECONDS = 2.0  # between two looks into the file of schedules
TICK_SECONDS = 1.0  # between two looks at the server
PAUSES = (1.0, 2.0, 4.0, 8.0)  # seconds before each start of a server that ended, of those in a row
COLLISIONS: dict[str, dict[str, Any]] = {
    name: {"collision_strategy": strategy, "grace_period_seconds": 60}
    for name, strategy in (("skip", "CANCEL_NEW"), ("queue", "ENQUEUE"))
}
"""Prefect's treatment of a run that is due while its deployment's only place is taken; a place of a killed run is free
after the seconds of grace.
"""
STEADY = 120.0  # seconds after its start at which an end is no longer one in a row


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; a second standing process of the workspace refuses to start.

    What it leaves in its file says how it ended: nothing after an orderly end, the reason where it gave up.
    """
    state, (port, pages, limit) = Path(arguments[0]), map(int, arguments[1:])
    with open(lock_file(state), "a", opener=no_link) as only_one:
        try:
            fcntl.flock(only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError("this workspace is up already.", next_command="rollmill down") from None
        with ManagedServer(state) as server:
            try:
                server.start_standing(port).wait()
                asyncio.run(_serve(server, state, pages, limit))
            except Exception as error:
                reason = str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"
                write_standing(state, server.port or port, state / "prefect", "gave up", reason)
                raise
            except BaseException:
                standing_file(state).unlink(missing_ok=True)
                raise
            standing_file(state).unlink(missing_ok=True)


async def _serve(server: ManagedServer, state: Path, pages: int, limit: int) -> None:
    """Schedules, server and pages until a signal; an error if the server stays down, or the runner ends unexpectedly."""
    from rollmill.flows.prefect.runner import ScheduleRunner

    os.environ[PARENT] = str(os.getpid())  # the scheduled runs end with us
    runner = ScheduleRunner(state, limit)
    running = asyncio.create_task(runner.start())
    while not (runner.started or running.done()):
        await asyncio.sleep(0.05)
    if running.done():
        running.result()  # raises what a server of the user's answered, such as 401
    record_before_start(runner, state)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        loop.add_signal_handler(number, stop.set)
    serving = asyncio.create_task(_reconcile_always(runner, state))
    waiting = asyncio.create_task(watch_always(state))
    browsing = asyncio.create_task(serve_pages(state, pages))
    following = asyncio.create_task(reconcile_firings(state))
    supervised = asyncio.create_task(keep_up(server, state))
    stopped = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[Any]] = [running, serving, waiting, following, browsing, supervised, stopped]
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks[1:]:
        task.cancel()  # the runner is asked to stop instead, so that it ends the runs it started
    await asyncio.gather(browsing, return_exceptions=True)  # it ends the pages
    # A server that does not answer would keep the runner waiting; its runs then end with us.
    if not running.done() and supervised not in ended and await asyncio.to_thread(healthy, server.api):
        await runner.astop()
        await running
    for task in ended:
        task.result()
    if stopped not in ended:
        raise RollmillError("the server of the schedules ended unexpectedly.")


async def keep_up(server: ManagedServer, state: Path) -> NoReturn:
    """Start the server again when it ends or is stuck, after growing pauses; RollmillError when it will not stay up."""
    failures, begun, up = 0, time.monotonic(), False
    answered = begun
    while True:
        ended = server.ended()
        now = time.monotonic()
        if ended is None and await asyncio.to_thread(healthy, server.api):
            answered = now
            if not up:
                up = _report(server, state, "up")
        elif server.users:  # a user's own server, which is theirs to start again
            up = up and _report(server, state, "silent", f"{server.users} does not answer.")
        elif ended is not None or now - answered > PATIENCE:
            why = ended.message if ended else f"the Prefect server did not answer for {PATIENCE:.0f} s."
            failures = 1 if now - begun > STEADY else failures + 1
            if failures > len(PAUSES):
                raise ended or RollmillError(why)
            up = _report(server, state, "restarting", f"{why} It is started again ({failures} of {len(PAUSES)}).")
            await asyncio.sleep(PAUSES[failures - 1])
            server.start_again()
            begun = answered = time.monotonic()
        await asyncio.sleep(TICK_SECONDS)


def _report(server: ManagedServer, state: Path, status: Status, reason: str = "") -> bool:
    """Leave word of how the server is, in the file and in the log; whether it is up."""
    write_standing(state, server.port, server.home, status, reason)
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {status} {reason}\n")
    sys.stderr.flush()
    return status == "up"


async def _reconcile_always(runner: "Runner", state: Path) -> NoReturn:
    served: dict[str, Schedule] = {}
    while True:
        served = await _reconcile(runner, state, served)
        await asyncio.sleep(POLL_SECONDS)


async def _reconcile(runner: "Runner", state: Path, served: dict[str, Schedule]) -> dict[str, Schedule]:
    """Deployments for the schedules that are new or changed; those no longer wanted are deleted."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    wanted = {deployment_name(item): item for item in Schedules(state).own()}
    for name, item in wanted.items():
        # `seen` changes with every firing of a trigger and is no part of a deployment.
        if name not in served or replace(served[name], seen=item.seen) != item:
            await runner.aadd_deployment(_deployment(item, state.parent))
    gone = [name for name in served if name not in wanted]
    if gone:
        async with get_client() as client:
            for name in gone:
                with contextlib.suppress(ObjectNotFound):
                    deployment = await client.read_deployment_by_name(name)
                    await client.delete_deployment(deployment.id)
    return wanted


def _deployment(item: Schedule, workspace: Path) -> "RunnerDeployment":
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment
    from prefect.events import DeploymentEventTrigger
    from prefect.schedules import Cron, Interval
    from prefect.types.entrypoint import EntrypointType

    from rollmill.flows.prefect.flows.carrying import flow_of, parameters_of_schedule

    if item.on:
        # Without a time of its own: an event makes its runs.
        schedule = None
    elif item.every:
        since = datetime.fromisoformat(item.since)
        schedule = Interval(timedelta(seconds=item.every), anchor_date=since, timezone=item.timezone)
    else:
        schedule = Cron(item.cron, timezone=item.timezone)
    return RunnerDeployment.from_flow(
        flow_of(item.verb),
        item.name,
        schedule=schedule,
        triggers=[DeploymentEventTrigger(name=item.name, enabled=not item.paused, **event_of(item))] if item.on else [],
        concurrency_limit=None if item.overlap == "allow" else ConcurrencyLimitConfig(limit=1, **COLLISIONS[item.overlap]),
        paused=item.paused,
        parameters=parameters_of_schedule(item, workspace),  # shown; a run takes its own from the file of schedules
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(0)
    except RollmillError as error:
        sys.exit(f"rollmill: {error}")
