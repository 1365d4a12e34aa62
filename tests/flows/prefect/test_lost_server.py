"""Prefect's server dies or never starts under a real command, which ends as the ledger says all the same, in seconds."""

import json
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish, start
from tests.flows.test_services import curated, left_behind, run
from tests.waiting import until

pytestmark = pytest.mark.services

SLOW = "0.1"
SECONDS = 60  # from the end of the stages to the end of the command, on a machine that does other work as well


def begun(toy: Path, *arguments: str) -> "subprocess.Popen[str]":
    """A command that has drawn some completions, a minority, and whose Prefect server was killed just now."""
    calls = toy / "calls"
    command = start("curate", "toy.yaml", "--prefect", *arguments, cwd=toy, TOY_SLEEP=SLOW, TOY_CALLS=str(calls))
    assert until(lambda: calls.exists() and len(calls.read_text().split()) >= 10, 120)
    children = psutil.Process(command.pid).children(recursive=True)
    (server,) = [child for child in children if "rollmill.flows.prefect.server" in child.cmdline()]
    server.kill()
    return command


def status(toy: Path) -> str:
    with Workspace.open(toy) as workspace:
        return workspace.runs.chosen(None).status


def test_a_run_whose_server_is_killed_ends_with_its_outcome(toy: Path) -> None:
    command = begun(toy, "--json")
    assert until(lambda: status(toy) == "done")
    ended = time.monotonic()
    result = finish(command)
    assert time.monotonic() - ended < SECONDS
    assert result.status == 0, result.err
    assert "prefect" not in result.err.lower()
    assert "Traceback" not in result.err
    outcome = json.loads(result.out)
    assert outcome["created"] is True
    assert outcome["messages"][-1].startswith("The Prefect server was lost;")
    assert left_behind(toy) == []
    again = curated(toy)
    assert (again["content_hash"], again["created"]) == (outcome["content_hash"], False)


def test_what_fails_after_its_server_was_killed_is_said_once(toy: Path) -> None:
    text = (toy / "toy.yaml").read_text()
    (toy / "toy.yaml").write_text(text.replace("min_kept: 10", "min_kept: 1000"))
    result = finish(begun(toy))
    assert result.status == 1
    assert result.err.count("the gate did not pass") == 1
    assert "Traceback" not in result.err
    assert status(toy) == "failed"


def test_ctrl_c_after_its_server_was_killed_says_how_to_go_on(toy: Path) -> None:
    command = begun(toy)
    command.send_signal(signal.SIGINT)
    ended = time.monotonic()
    result = finish(command)
    assert time.monotonic() - ended < SECONDS
    assert result.status == 130
    assert "To go on: rollmill curate toy.yaml" in result.err
    assert "Traceback" not in result.err
    assert status(toy) == "interrupted"


def test_a_damaged_prefect_db_stops_no_run_and_names_the_way_out(toy: Path) -> None:
    database = toy / ".rollmill" / "prefect" / "prefect.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"x" * 5000)
    (message,) = [text for text in curated(toy, "--prefect")["messages"] if "Prefect" in text]
    assert message.startswith("Without Prefect, because the Prefect server ended (exit status 3): ")
    assert "file is not a database" in message
    assert "Its home holds no run and no dataset of yours." in message
    bad = [finding for finding in json.loads(run(toy, "doctor", "--quick", "--json").out)["findings"] if not finding["ok"]]
    assert [finding["name"] for finding in bad] == ["prefect.db"]
    advice = message.split("Next: ")[1].split(",")[0]
    subprocess.run(shlex.split(advice), cwd=toy, check=True)
    assert [text for text in curated(toy, "--prefect")["messages"] if "Prefect" in text] == []
