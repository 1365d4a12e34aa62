"""The standing process of `rollmill up`: Prefect's server as its child, and a runner that serves the schedules.

Run as `python -m flows.prefect.standing STATE`. Knows the schedule file and the flow's name, not what it does.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from flows.job import Job
from flows.prefect.managed import ManagedServer, standing_file, write_standing
from flows.prefect.schedules import Scheduled, Schedules
from storage.errors import SetupError

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment
    from prefect.runner import Runner

POLL_SECONDS = 2.0


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM; a second standing process of the workspace refuses to start."""
    state = Path(arguments[0])
    with (state / "up.lock").open("w") as only_one:
        try:
            fcntl.flock(only_one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SetupError("this workspace is up already.", next_command="rollmill down") from None
        with ManagedServer(state).start(services=True) as server:
            server.wait()
            write_standing(state, server.port, server.home)
            try:
                asyncio.run(_serve(state))
            finally:
                standing_file(state).unlink(missing_ok=True)


async def _serve(state: Path) -> None:
    from prefect.runner import Runner

    os.environ["ROLLMILL_PARENT"] = str(os.getpid())  # the scheduled runs end with us
    runner = Runner(name="rollmill", pause_on_shutdown=False, query_seconds=POLL_SECONDS, limit=1)
    running = asyncio.create_task(runner.start())
    while not runner.started:
        await asyncio.sleep(0.05)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    served: dict[str, Scheduled] = {}
    while not stop.is_set() and not running.done():
        served = await _reconcile(runner, state, served)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLL_SECONDS)
    if not running.done():
        await runner.astop()
    await running


async def _reconcile(runner: "Runner", state: Path, served: dict[str, Scheduled]) -> dict[str, Scheduled]:
    """Deployments for the schedules that are new or changed; those no longer wanted are deleted."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    wanted = {item.name: item for item in Schedules(state).all()}
    for name, item in wanted.items():
        if served.get(name) != item:
            await runner.aadd_deployment(_deployment(item, state.parent))
    gone = [name for name in served if name not in wanted]
    if gone:
        async with get_client() as client:
            for name in gone:
                with contextlib.suppress(ObjectNotFound):
                    found = await client.read_deployment_by_name(deployment_name(name))
                    await client.delete_deployment(found.id)
    return wanted


def deployment_name(schedule: str) -> str:
    """Prefect's name (flow/deployment) for a schedule of ours."""
    return f"curate/{schedule}"


def _deployment(item: Scheduled, workspace: Path) -> "RunnerDeployment":
    from prefect.deployments.runner import RunnerDeployment
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.curate import curate

    return RunnerDeployment.from_flow(
        curate,
        item.name,
        schedule=Cron(item.cron, timezone=item.timezone),
        paused=item.paused,
        parameters=Job(str(workspace), item.recipe, item.sets, item.profile).data(),
        concurrency_limit=1,
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
