"""Prefect's runner as `rollmill up` uses it: every run is a child process of our own that does what a schedule says.

A deployment in Prefect's database can name code to run: an entry point, pull steps, a storage block, hooks. None of that is
read. The runner takes from Prefect that a run of a deployment is due, and from its own memory which schedule that is; the
child (flows/prefect/scheduled.py) takes flow and parameters from the workspace's file of schedules.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from prefect.runner import Runner
from prefect.runner._starter_engine import EngineCommandStarter

from rollmill.flows.prefect.flows.carrying import flow_of
from rollmill.flows.prefect.untrusted import refuse_stored_results, replace
from rollmill.ground.errors import RollmillError
from rollmill.pipelines.processes.spawn import module_command

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun

POLL_SECONDS = 2.0  # between two looks for runs that are due


class ScheduleRunner(Runner):
    """A runner for the schedules of one workspace, whose state folder it is given. `limit`: runs at a time."""

    def __init__(self, state: Path, limit: int) -> None:
        super().__init__(name="rollmill", pause_on_shutdown=False, query_seconds=POLL_SECONDS, limit=limit)
        self._state = state

    async def __aenter__(self) -> Self:
        """Begin to serve, with starters and hooks of our own."""
        refuse_stored_results()
        await super().__aenter__()
        replace(self._scheduled_run_poller, "_resolve_starter", self._starter)
        replace(self._hook_runner, "_resolve_flow", _flow_without_hooks)
        return self

    def _starter(self, run: "FlowRun") -> EngineCommandStarter:
        """Start of the child for a run; RollmillError for a run of no deployment that this runner made."""
        name = None if run.deployment_id is None else self._deployment_registry.get_deployment_name(run.deployment_id)
        if name is None:
            raise RollmillError(f"flow run {run.id} belongs to no schedule of this workspace.")
        return EngineCommandStarter(
            command=shlex.join(module_command("rollmill.flows.prefect.scheduled", str(self._state), name)),
            deployment_name=name,
            control_channel=self._control_channel,
        )


async def _flow_without_hooks(_run: "FlowRun") -> "Flow[..., Any]":
    """A flow of ours, for hooks: the flow that a deployment names would be imported."""
    return flow_of("curate")
