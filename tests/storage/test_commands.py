"""Which processes work on a run: one that was killed is told from one that works, wherever somebody looks."""

import json
import os
import signal
from pathlib import Path

import pytest

from storage.commands import as_it_is, cancel, forget_dead, workers_of, working_on
from storage.queries import Reader, runs
from storage.workspace import Workspace
from tests.forked import Forked

RUN = "toy-aaaaaaaa"


def work_and_die(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        workspace.runs.open(RUN, name="toy", recipe={}, recipe_hash="0" * 64)
        with working_on(workspace.state, RUN):
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Workspace.init(tmp_path).close()
    return tmp_path


def test_a_killed_run_is_killed_and_asks_to_be_resumed(folder: Path) -> None:
    status, _ = Forked(work_and_die, folder).end()
    assert status == -signal.SIGKILL
    with Reader.open(folder) as reader:
        [run] = runs(reader)
        assert (run.status, run.state, run.next_command) == ("killed", "killed", f"rollmill runs resume {RUN}")
        assert reader.runs.get(RUN).status == "running"  # what the command last said of itself


def test_a_run_that_a_process_works_on_is_running(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        workspace.runs.open(RUN, name="toy", recipe={}, recipe_hash="0" * 64)
        with working_on(workspace.state, RUN):
            [run] = as_it_is(workspace.runs, workspace.state, workspace.runs.list())
            assert (run.state, run.next_command) == ("running", f"rollmill runs watch {RUN}")
            assert [owner.pid for owner in workers_of(workspace.state)[RUN]] == [os.getpid()]
        listed = workspace.runs.list()
        workspace.runs.finish(RUN, "done", {})
        [run] = as_it_is(workspace.runs, workspace.state, listed)
        assert run.status == "done"  # it ended after it was listed


def test_of_another_host_nobody_knows_and_nobody_is_asked_to_stop(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        commands = workspace.state / "commands"
        commands.mkdir(parents=True)
        row = {"run": RUN, "host": "elsewhere/1", "pid": os.getpid(), "started": 1.0}
        (commands / "7.json").write_text(json.dumps(row))
        (commands / "8.json").write_text(json.dumps({**row, "pid": 8}))
        (commands / "9.json").write_text("half a fi")
        assert len(workers_of(workspace.state)[RUN]) == 2
        assert cancel(workspace.state, RUN) == 0
        forget_dead(workspace.state)
        assert len(workers_of(workspace.state)[RUN]) == 2


def test_what_a_killed_command_left_is_forgotten(folder: Path) -> None:
    Forked(work_and_die, folder).end()
    with Workspace.open(folder) as workspace:
        assert len(list((workspace.state / "commands").iterdir())) == 1
        assert workers_of(workspace.state) == {}
        forget_dead(workspace.state)
        assert list((workspace.state / "commands").iterdir()) == []


def test_a_gate_that_refuses_reads_otherwise_than_a_crash(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        for run, status, summary in (
            ("crash", "failed", {"error": "ValueError: no"}),
            ("gate", "failed", {"error": "min_kept", "funnel": {}, "next": "rollmill runs show gate"}),
            ("stop", "interrupted", {"error": "KeyboardInterrupt: "}),
            ("limit", "stopped", {"stopped": "tokens"}),
        ):
            workspace.runs.open(run, name=run, recipe={}, recipe_hash="0" * 64)
            workspace.runs.finish(run, status, summary)
        assert {run.id: run.state for run in workspace.runs.list()} == {
            "crash": "failed",
            "gate": "failed: gate",
            "stop": "interrupted",
            "limit": "stopped: tokens",
        }
