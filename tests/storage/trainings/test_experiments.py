"""States of trials and loops: how each ended, one process at a time, and one that was killed."""

import os
import signal
from pathlib import Path

import pytest

from rollmill.ground.errors import FoundWanting, SetupError, Unavailable
from rollmill.storage.workspace import Workspace
from tests.forked import Forked

COMMAND = "rollmill trial quotas.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Workspace.init(tmp_path).close()
    return tmp_path


def begin_and_die(folder: Path) -> None:
    with Workspace.open(folder) as workspace, workspace.experiments.held("loop", "improve", "rollmill loop l.yaml") as tell:
        tell("round 2 of 3")
        os.kill(os.getpid(), signal.SIGKILL)


def test_one_that_works_says_what_it_does_and_nobody_else_begins_it(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        with workspace.experiments.held("trial", "quotas", COMMAND) as tell:
            tell("training two-1")
            [now] = workspace.experiments.all()
            assert (now.id, now.status, now.said, now.command) == ("trial/quotas", "running", "training two-1", COMMAND)
            assert workspace.experiments.of_process(os.getpid()) == "trial/quotas"
            with (
                pytest.raises(SetupError, match="another process works on the trial 'quotas'"),
                workspace.experiments.held("trial", "quotas", COMMAND),
            ):
                pass
            assert [one.status for one in workspace.experiments.all()] == ["running"]
        [done] = workspace.experiments.all()
        assert (done.status, done.error) == ("done", "")
        assert workspace.experiments.of_process(os.getpid()) is None


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (FoundWanting("the seeds are too few."), "failed", "the seeds are too few."),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt: "),
        (ValueError("no"), "failed", "ValueError: no"),
    ],
)
def test_a_bad_end_is_kept_with_its_reason(folder: Path, error: BaseException, status: str, said: str) -> None:
    with Workspace.open(folder) as workspace:
        with pytest.raises(type(error)), workspace.experiments.held("trial", "quotas", COMMAND):
            raise error
        [ended] = workspace.experiments.all()
        assert (ended.status, ended.error) == (status, said)


def begin_and_fail(workspace: Workspace, error: SetupError, said: str = "") -> None:
    with workspace.experiments.held("trial", "quotas", COMMAND) as tell:
        if said:
            tell(said)
        raise error


def test_a_request_with_a_mistake_leaves_the_record_as_it_was(folder: Path) -> None:
    failures = [
        (SetupError("unknown dataset 'nope'."), "", []),
        (Unavailable("the disk is full."), "", ["the disk is full."]),
        (SetupError("unknown dataset 'nope'."), "", ["the disk is full."]),
        (SetupError("another number of rows."), "training two-1", ["another number of rows."]),
    ]
    with Workspace.open(folder) as workspace:
        for error, said, recorded in failures:
            with pytest.raises(SetupError):
                begin_and_fail(workspace, error, said)
            assert [one.error for one in workspace.experiments.all()] == recorded


def test_a_killed_one_is_killed_and_can_be_begun_again(folder: Path) -> None:
    assert Forked(begin_and_die, folder).end()[0] == -signal.SIGKILL
    with Workspace.open(folder) as workspace:
        [killed] = workspace.experiments.all()
        assert (killed.id, killed.status, killed.said) == ("loop/improve", "killed", "round 2 of 3")
        with workspace.experiments.held("loop", "improve", "rollmill loop l.yaml"):
            assert [one.status for one in workspace.experiments.all()] == ["running"]


def test_a_file_that_is_no_state_is_passed_over(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        with workspace.experiments.held("trial", "quotas", COMMAND):
            pass
        state = workspace.state / "experiments"
        (state / "trial-broken.json").write_text("{")
        (state / "trial-other.json").write_text('{"kind": "trial"}')
        assert [one.name for one in workspace.experiments.all()] == ["quotas"]
