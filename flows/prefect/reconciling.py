"""Firings that are never lost: each is written down before anything is started for it, and followed until it has begun.

A killed process of a firing, or a killed `rollmill up`, leaves a run in Prefect that is pending, running or crashed. What
had not begun is started again; what had begun ends as killed in the ledger, and the next firing of its schedule goes on
with its run.

Times that pass while `rollmill up` does not run: those that Prefect had planned before fire late, one after the other (with
`--overlap skip`, the first one). Others are entered as skipped, the last of them alone with their number.
"""

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn
from uuid import UUID

from rollmill.flows.prefect.attempts import notify
from rollmill.flows.prefect.triggers import deployment_name
from rollmill.flows.prefect.untrusted import replace
from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.runner import Runner

POLL_SECONDS = 2.0
MOST_STARTS = 4  # processes started for one firing that has not begun
WATCHED = "schedules.watched"  # its time of change: until then every due time is written down
MOST_MISSED = 1000  # due times of a schedule that are counted
GONE = "the schedule was removed, or was not written here"
MISSED = "`rollmill up` did not run when it fell due"
COLLIDED = "Deployment concurrency limit reached."  # Prefect's message
OVERLAPPED = "the one before still ran when it fell due"
KILLED = "its process was killed"


def record_before_start(runner: "Runner", state: Path) -> None:
    """Let a runner write down each firing that is due before it starts anything for it."""
    poller, registry = runner._scheduled_run_poller, runner._deployment_registry
    scheduled = poller._get_scheduled_flow_runs

    async def recorded() -> "list[FlowRun]":
        due = [run for run in await scheduled() if run.deployment_id is not None and _is_due(run)]
        names = {run.id: registry.get_deployment_name(run.deployment_id) for run in due if run.deployment_id is not None}
        # In a thread: another process may hold the ledger, and the event loop has a server to watch.
        begun = await asyncio.to_thread(_write_down, state, due, names) if due else set()
        return [run for run in due if run.id not in begun]

    replace(poller, "_get_scheduled_flow_runs", recorded)


def _is_due(run: "FlowRun") -> bool:
    """False for a run that Prefect plans for the next seconds: until its time, a schedule may be paused or removed."""
    when = run.next_scheduled_start_time or run.expected_start_time
    return when is None or when <= datetime.now(UTC)


def _write_down(state: Path, runs: "Iterable[FlowRun]", names: "Mapping[UUID, str | None]") -> "set[UUID]":
    """Write down the firings of these flow runs; the ids of those that have begun or ended before."""
    begun = set()
    items = {item.name: item for item in Schedules(state).own()}
    with Workspace.open(state.parent) as workspace:
        for run in runs:
            item = items.get(str(names.get(run.id)))
            if item is not None:
                due = None if run.expected_start_time is None else run.expected_start_time.timestamp()
                if not workspace.firings.due(item.name, item.recipe, str(run.id), due):
                    begun.add(run.id)
    return begun


async def reconcile_firings(state: Path) -> NoReturn:
    """Follow the firings that have not begun, and end those whose process is gone, until cancelled."""
    since = _last_look(state)
    while True:
        try:
            if since is not None:
                await _enter_missed(state, since)
                since = None
            await _reconcile(state)
            (state / WATCHED).touch()
        except Exception as error:  # a server that is started again, a ledger that is locked: the next look sees it
            sys.stderr.write(f"firings: {type(error).__name__}: {error}\n")
        await asyncio.sleep(POLL_SECONDS)


def _last_look(state: Path) -> datetime | None:
    """Time of the last look of an earlier `up`; None before the first one."""
    with suppress(FileNotFoundError):
        return datetime.fromtimestamp((state / WATCHED).stat().st_mtime, UTC)
    return None


async def _enter_missed(state: Path, since: datetime) -> None:
    """Enter the times that passed since then and that Prefect had not planned as skipped."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterName,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
    )

    for item in Schedules(state).own():
        begin = max(since, datetime.fromisoformat(item.since).astimezone(UTC))
        passed = takewhile(lambda when: when <= datetime.now(UTC), item.times(begin))
        times = [when.astimezone(UTC) for when in islice(passed, MOST_MISSED)]
        if not times:
            continue
        named = DeploymentFilter(name=DeploymentFilterName(any_=[item.name]))
        first = {"after_": (times[0] - timedelta(seconds=1)).isoformat()}
        after = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime.model_validate(first))
        async with get_client() as client:
            runs = await client.read_flow_runs(deployment_filter=named, flow_run_filter=after, limit=200)
        planned = {run.expected_start_time for run in runs}
        missed = [when for when in times if when not in planned]
        if missed:
            await asyncio.to_thread(_miss, state, item, missed)


def _miss(state: Path, item: Schedule, times: Sequence[datetime]) -> None:
    more = f"; nor did it at {len(times) - 1} times before" if len(times) > 1 else ""
    with Workspace.open(state.parent) as workspace:
        firing = workspace.firings.miss(item.name, item.recipe, times[-1].timestamp(), f"{MISSED}{more}")
    notify(item, firing)


async def _reconcile(state: Path) -> None:
    from prefect.client.orchestration import get_client

    waiting = await asyncio.to_thread(_look, state)
    if not waiting:
        return
    items = {item.name: item for item in Schedules(state).own()}
    async with get_client() as client:
        for firing, supervised in waiting:
            item = items.get(firing.schedule)
            if item is None:
                await asyncio.to_thread(_end, state, firing, "skipped", GONE)
            else:
                await _follow(client, state, item, (firing, supervised))


def _look(state: Path) -> list[tuple[Firing, bool]]:
    """End the firings whose process is gone, tell of them, and give those that wait."""
    with Workspace.open(state.parent) as workspace:
        if workspace.unused:
            return []
        items = {item.name: item for item in Schedules(state).own()}
        for firing in workspace.firings.settle_killed(KILLED):
            if firing.schedule in items:
                notify(items[firing.schedule], firing)
        return workspace.firings.waiting()


async def _follow(client: "PrefectClient", state: Path, item: Schedule, waiting: tuple[Firing, bool]) -> None:
    """Start one firing again if nothing can begin it any more; end it if Prefect did."""
    from prefect.exceptions import ObjectNotFound

    firing, supervised = waiting
    try:
        run = await client.read_flow_run(_uuid(firing.flow_run))
    except ObjectNotFound:  # Prefect's home was removed
        await _start_again(client, state, item, firing, known=False)
        return
    at = run.state
    if at is None or at.is_scheduled():
        return
    if at.is_failed() or at.is_cancelled() or at.is_cancelling():
        status = "failed" if at.is_failed() else "interrupted"
        reason = f"{at.name} before it began: {at.message or 'no reason given'}"
        if at.message == COLLIDED:
            status, reason = "skipped", OVERLAPPED
        await asyncio.to_thread(_end, state, firing, status, reason)
    elif at.is_completed():
        await asyncio.to_thread(_end, state, firing, "skipped", "it had nothing to do")
    elif at.is_crashed() or not supervised:  # a process of an `up` that is gone ended with it
        await _start_again(client, state, item, firing, known=True)


async def _start_again(client: "PrefectClient", state: Path, item: Schedule, firing: Firing, *, known: bool) -> None:
    from prefect.states import Scheduled

    if firing.starts >= MOST_STARTS:
        await asyncio.to_thread(_end, state, firing, "killed", f"{KILLED} before it began, {MOST_STARTS} times")
        return
    if known:
        await client.set_flow_run_state(_uuid(firing.flow_run), Scheduled(), force=True)
        await asyncio.to_thread(_repeat, state, firing, str(firing.flow_run))
        return
    deployment = await client.read_deployment_by_name(deployment_name(item))
    # One key: a kill before the line below makes no second run.
    key = f"{firing.id} of {firing.flow_run}"
    run = await client.create_flow_run_from_deployment(deployment.id, idempotency_key=key)
    await asyncio.to_thread(_repeat, state, firing, str(run.id))


def _repeat(state: Path, firing: Firing, flow_run: str) -> None:
    with Workspace.open(state.parent) as workspace:
        workspace.firings.repeat(firing.id, flow_run)


def _end(state: Path, firing: Firing, status: str, said: str) -> None:
    """End a firing that has not begun, and tell of it."""
    with Workspace.open(state.parent) as workspace:
        if not workspace.firings.end_waiting(firing.id, status, said.partition("\n")[0]):
            return
        ended = workspace.firings.recent(firing.schedule)
    items = {item.name: item for item in Schedules(state).own()}
    mine = next((flow_run for flow_run in ended if flow_run.id == firing.id), None)
    if mine is not None and firing.schedule in items:
        notify(items[firing.schedule], mine)


def _uuid(text: str | None) -> UUID:
    return UUID(str(text))
