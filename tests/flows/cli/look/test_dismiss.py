"""`rollmill runs dismiss`: a refused run that needs nobody any more, and stays what it was."""

import json
from pathlib import Path

import pytest

from rollmill.storage.commands import working_on
from rollmill.storage.queries import Reader
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Prepare, Run, retrain, said_as_json

pytestmark = pytest.mark.integration


@pytest.fixture
def refused(toy: Path, prepare: Prepare, rollmill: Run) -> str:
    """The id of a run that its gate refused."""
    [said] = prepare(["curate", "toy.yaml", "--direct", "--set", "gate.min_kept=1000"])
    assert said.status == 1
    return str(said_as_json(rollmill, "runs", "show")["run"])


def test_a_dismissed_run_keeps_its_times_and_its_reason(refused: str, rollmill: Run) -> None:
    before = said_as_json(rollmill, "runs", "show", refused)
    tried = rollmill("runs", "dismiss", refused, "--dry-run")
    assert tried.out == f"{refused} (failed: gate) would be dismissed. To go on: rollmill runs resume {refused}\n"
    assert said_as_json(rollmill, "runs", "show", refused) == before
    assert said_as_json(rollmill, "runs", "dismiss", refused) == {"run": refused, "was": "failed: gate", "dry_run": False}
    assert said_as_json(rollmill, "runs", "show", refused) == {**before, "status": "dismissed"}
    text = rollmill("runs", "show", refused).out
    assert "published none" in text
    assert "the gate did not pass" in text


def test_another_model_begins_a_new_run_after_a_dismissed_one(
    refused: str, toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    retrain(toy, monkeypatch)
    again = ("curate", "toy.yaml", "--direct", "--set", "gate.min_kept=1000")
    unfinished = rollmill(*again)
    assert (unfinished.status, f"run {refused} is unfinished and began under other parts" in unfinished.err) == (2, True)
    assert rollmill("runs", "dismiss", refused).status == 0
    assert "the gate did not pass" in rollmill(*again).err
    assert said_as_json(rollmill, "runs", "show")["run"] == f"{refused}-2"


def test_only_what_ended_badly_is_dismissed(refused: str, rollmill: Run) -> None:
    done = json.loads(rollmill("curate", "toy.yaml", "--direct", "--json").out)["run"]
    answer = rollmill("runs", "dismiss", done)
    assert (
        answer.status,
        f"{done} is done: there is nothing to dismiss. Next: rollmill dataset show toy" in answer.err,
    ) == (2, True)
    with Workspace.open() as workspace:
        workspace.runs.finish(refused, "running", {})
        with working_on(workspace.ledger.leases, refused):
            answer = rollmill("runs", "dismiss", refused)
    words = f"a process works on {refused}. Next: rollmill runs cancel {refused}"
    assert (answer.status, words in answer.err) == (2, True)
    assert "unknown run 'nobody'" in rollmill("runs", "dismiss", "nobody").err
    assert rollmill("runs", "dismiss", refused).status == 0  # killed by now
    with Reader.open() as reader:
        assert reader.runs.get(refused).status == "dismissed"
