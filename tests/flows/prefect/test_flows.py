"""The flows as any user of Prefect calls them, on a server of Prefect's test harness; its API says what is shown."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.testing.utilities import prefect_test_harness

import rollmill.flows.prefect  # noqa: F401 - before Prefect, which would read the settings of the current folder
from rollmill.flows.curation.gating import GateFailed
from rollmill.flows.prefect.flows.carrying import JobOptions
from rollmill.flows.prefect.flows.curate import curate
from rollmill.flows.prefect.flows.evaluate import evaluate
from rollmill.flows.prefect.flows.tasks import TASKS, draw
from rollmill.ground.errors import SetupError
from rollmill.ground.secret_texts.known_keys import use
from tests.flows.evaluation.test_evaluate import EVALUATION

pytestmark = pytest.mark.services
KEY = "Zq7-Qw9x-Pl0m-Tt5k"
TELLING = f"""

class Telling(ToyEngine):
    def generate(self, requests):
        import logging
        logging.getLogger("rollmill.toys").info("asked with %s", {KEY!r})
        yield from super().generate(requests)
"""
EVENTS = {"filter": {"event": {"prefix": ["rollmill."]}}}
TABLE = {"problems": 12, "drawn": 76, "correct": 43, "kept": 29, "dropped: incorrect": 33}


@pytest.fixture(scope="module")
def server() -> Iterator[SyncPrefectClient]:
    """A client of a server with an empty database."""
    with prefect_test_harness(120), get_client(sync_client=True) as client:
        yield client


def asked(server: SyncPrefectClient, path: str, body: dict[str, Any], least: int, about: str = "") -> list[dict[str, Any]]:
    """What the API has of a kind, and of these rows what speaks of `about`, as soon as there are so many: events and logs
    are sent in batches.
    """
    deadline = time.monotonic() + 60
    while True:
        answer = server._client.post(path, json=body).json()
        found = answer["events"] if isinstance(answer, dict) else answer
        rows: list[dict[str, Any]] = [row for row in found if about in str(row)]
        if len(rows) >= least or time.monotonic() > deadline:
            assert len(rows) >= least, rows
            return rows
        time.sleep(0.2)


def of_run(flow_run: dict[str, Any]) -> dict[str, Any]:
    return {"flow_runs": {"id": {"any_": [flow_run["id"]]}}}


def newest(server: SyncPrefectClient) -> dict[str, Any]:
    [row] = asked(server, "/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1}, 1)
    return row


def test_the_tasks_of_a_flow_have_names_inputs_and_durations(server: SyncPrefectClient, toy: Path) -> None:
    outcome = curate(recipe="toy.yaml")
    run = outcome["run"]
    flow_run = newest(server)
    assert (flow_run["name"], flow_run["state_type"]) == (f"toy {run}", "COMPLETED")
    assert flow_run["tags"] == ["kind:curate", "dataset:toy", "recipe:toy", "model:toy-1"]
    tasks = asked(server, "/task_runs/filter", {**of_run(flow_run), "sort": "EXPECTED_START_TIME_ASC"}, 11)
    rounds = [f"{name} {run} round {number}" for number in range(3) for name in ("draw", "verify")]
    rest = [f"{name} {run}" for name in ("select", "gate", "publish")]
    assert [task["name"] for task in tasks] == [f"synthesize {run}", *rounds, f"draw {run} round 3", *rest]
    assert {task["state_type"] for task in tasks} == {"COMPLETED"}
    assert all(task["total_run_time"] > 0 for task in tasks)
    assert [sorted(task["task_inputs"]) for task in tasks[:2]] == [["run"], ["round", "run"]]
    assert {task["task_key"].partition("-")[0] for task in tasks} == TASKS.keys() - {"score"}


def test_a_flow_runs_page_has_numbers_logs_and_events(server: SyncPrefectClient, toy: Path) -> None:
    use("a key", KEY)
    (toy / "toys.py").write_text((toy / "toys.py").read_text() + TELLING)
    engine = "generate.engine=toys.py:Telling"
    outcome = curate(recipe=str(toy / "toy.yaml"), options=JobOptions(sets=["dataset=shown", engine], workspace=str(toy)))
    flow_run = newest(server)
    artifacts = {row["key"]: row for row in asked(server, "/artifacts/filter", of_run(flow_run), 4)}
    assert sorted(artifacts) == ["shown-drawn", "shown-funnel", "shown-rates", "shown-summary"]
    funnel = {row["what"]: row["count"] for row in json.loads(artifacts["shown-funnel"]["data"])}
    assert {name: funnel[name] for name in TABLE} == TABLE
    assert [row["level"] for row in json.loads(artifacts["shown-rates"]["data"])] == ["1", "2", "3", "all"]
    assert "shown@v1 published, 76 drawn" in artifacts["shown-summary"]["data"]
    drawn = artifacts["shown-drawn"]
    assert (drawn["data"], drawn["description"]) == (100, "76 of 76 completions drawn")

    logs = {"logs": {"flow_run_id": {"any_": [flow_run["id"]]}}, "sort": "TIMESTAMP_ASC"}
    asked(server, "/logs/filter", logs, 1, "published, 76 drawn")  # the last of them
    logged = asked(server, "/logs/filter", logs, 3)
    ours = [row["message"] for row in logged if row["name"].startswith("rollmill.")]
    told = "asked with [hidden]"  # on the thread that draws
    assert set(ours) >= {f"{flow_run['name']} begins.", told, "shown@v1 published, 76 drawn"}
    assert {text.partition(" ")[0] for text in ours if "stage=" in text} == {
        f"stage={name}" for name in TASKS if name != "score"
    }

    mine = {row["event"]: row for row in asked(server, "/events/filter", EVENTS, 2, "'dataset': 'shown'")}
    assert mine["rollmill.version.published"]["resource"]["prefect.resource.id"] == "rollmill.dataset.shown"
    assert mine["rollmill.version.published"]["payload"]["content_hash"] == outcome["content_hash"]
    assert mine["rollmill.run.finished"]["resource"]["rollmill.status"] == "done"


def test_a_failed_gate_is_an_event_and_the_end_of_the_run(server: SyncPrefectClient, toy: Path) -> None:
    with pytest.raises(GateFailed):
        curate(recipe="toy.yaml", options=JobOptions(sets=["gate.min_kept=1000", "dataset=few"]))
    flow_run = newest(server)
    assert flow_run["state_type"] == "FAILED"
    gates = asked(server, "/task_runs/filter", {**of_run(flow_run), "task_runs": {"name": {"like_": "gate"}}}, 1)
    assert [(task["state_type"], task["run_count"]) for task in gates] == [("FAILED", 1)]  # a no is not tried again
    mine = asked(server, "/events/filter", EVENTS, 2, "'dataset': 'few'")
    assert sorted(row["event"] for row in mine) == ["rollmill.gate.failed", "rollmill.run.finished"]
    assert {row["payload"].get("status") for row in mine} == {None, "refused"}


def test_the_cells_of_an_evaluation_have_tasks_of_their_own(server: SyncPrefectClient, toy: Path) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    cell = evaluate(recipe="sums.yaml")["cells"][0]
    flow_run = newest(server)
    assert (flow_run["name"], "kind:evaluate" in flow_run["tags"]) == ("sums", True)
    names = [task["name"] for task in asked(server, "/task_runs/filter", of_run(flow_run), 3)]
    assert f"draw {cell['run']} round 0" in names


def test_the_form_of_a_flow_describes_its_fields() -> None:
    form = curate.parameters
    assert [field["description"] for field in form.properties.values()] == [
        "Path of the recipe, such as recipes/arithmetic.yaml.",
        "Overrides, profile, limits and workspace.",
    ]
    fields = form.definitions["JobOptions"]["properties"]
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert (form.required, fields["max_tokens"]["default"]) == (["recipe"], None)


def test_a_task_outside_of_its_flow_says_what_is_missing(server: SyncPrefectClient) -> None:
    @flow
    def alone() -> None:
        draw("toy-1", 0)

    with pytest.raises(SetupError, match=r"no job has \{'run': 'toy-1', 'round': 0\} open .* Next: call the flow"):
        alone()
