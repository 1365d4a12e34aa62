"""Which processes work on a run: one that was killed is told from one that works, wherever somebody looks."""

import os
import signal
from pathlib import Path

import pytest

from rollmill.storage.commands import stop, with_killed_status, workers_of, working_on
from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.ledger.owners import Owner
from rollmill.storage.queries import Reader, runs
from rollmill.storage.workspace import Workspace
from tests.forked import Forked

RUN = "toy-aaaaaaaa"


def work_and_die(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        workspace.runs.open(RUN, name="toy", recipe={}, recipe_hash="0" * 64)
        with working_on(workspace.ledger.leases, RUN):
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
        with working_on(workspace.ledger.leases, RUN):
            [run] = with_killed_status(workspace.runs, workspace.ledger.leases, workspace.runs.list())
            assert (run.state, run.next_command) == ("running", f"rollmill runs watch {RUN}")
            assert [owner.pid for owner in workers_of(workspace.ledger.leases)[RUN]] == [os.getpid()]
        listed = workspace.runs.list()
        workspace.runs.finish(RUN, "done", {})
        [run] = with_killed_status(workspace.runs, workspace.ledger.leases, listed)
        assert run.status == "done"  # it ended after it was listed


def test_what_another_host_works_on_is_running_until_its_lease_ends_and_is_not_stopped_from_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process has the number of a live one here, which must not be asked to stop."""
    with Workspace.open(folder) as workspace:
        leases = workspace.ledger.leases
        workspace.runs.open(RUN, name="toy", recipe={}, recipe_hash="0" * 64)
        with monkeypatch.context() as there:
            there.setattr("rollmill.storage.ledger.leases.this_process", lambda: Owner("elsewhere/1", os.getpid(), 1.0))
            held = leases.acquire(f"command/{RUN}/a", ttl=60)
        assert held is not None
        assert [owner.host for owner in workers_of(leases)[RUN]] == ["elsewhere/1"]
        assert with_killed_status(workspace.runs, leases, workspace.runs.list())[0].status == "running"
        assert stop(leases, workers_of(leases)[RUN]) == 0
        leases.forget_dead()
        assert RUN in workers_of(leases)
        held.ttl = -1.0
        held.renew()
        assert with_killed_status(workspace.runs, leases, workspace.runs.list())[0].status == "killed"
        leases.forget_dead()
        assert leases.holders("") == []


def test_what_a_killed_command_left_is_forgotten(folder: Path) -> None:
    Forked(work_and_die, folder).end()
    with Workspace.open(folder) as workspace:
        leases = workspace.ledger.leases
        assert rows_of_leases(workspace) == 1
        assert workers_of(leases) == {}
        leases.forget_dead()
        assert rows_of_leases(workspace) == 0


def rows_of_leases(workspace: Workspace) -> int:
    with workspace.ledger.read() as session:
        return session.query(LeaseRow).count()


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
