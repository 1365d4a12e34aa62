"""What the runner of `rollmill up` starts for a run that Prefect says is due: a child of ours for a schedule it serves."""

import asyncio
import shlex
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from rollmill.flows.prefect.runner import ScheduleRunner, _flow_without_hooks
from rollmill.flows.prefect.untrusted import replace
from rollmill.ground.errors import RollmillError


def test_a_run_is_a_child_with_the_name_that_the_runner_itself_remembers(tmp_path: Path) -> None:
    runner, deployment = ScheduleRunner(tmp_path, 1), uuid4()
    runner._deployment_registry.register_deployment(deployment, "nightly; touch x")
    parameters = {"recipe": "/hostile.yaml", "schedule": "other"}
    starter = runner._starter(FlowRun(flow_id=uuid4(), deployment_id=deployment, name="other", parameters=parameters))
    assert shlex.split(str(starter._command)) == [
        sys.executable, "-P", "-m", "rollmill.flows.prefect.scheduled", str(tmp_path), "nightly; touch x",
    ]  # fmt: skip
    assert (starter._entrypoint, starter._storage, starter._cwd, starter._env) == (None, None, None, {})


@pytest.mark.parametrize("deployment", [None, uuid4()])
def test_a_run_of_no_schedule_is_not_started(tmp_path: Path, deployment: object) -> None:
    run = FlowRun.model_validate({"flow_id": uuid4(), "deployment_id": deployment})
    with pytest.raises(RollmillError, match="belongs to no schedule of this workspace"):
        ScheduleRunner(tmp_path, 1)._starter(run)


def test_the_flow_for_hooks_is_ours_and_has_none() -> None:
    flow = asyncio.run(_flow_without_hooks(FlowRun(flow_id=uuid4())))
    assert (flow.name, flow.on_crashed_hooks, flow.on_cancellation_hooks) == ("curate", [], [])


def test_a_release_of_prefect_that_works_otherwise_is_refused() -> None:
    with pytest.raises(RollmillError, match=r"this release of Prefect has no object\._resolve_starter"):
        replace(object(), "_resolve_starter", None)
