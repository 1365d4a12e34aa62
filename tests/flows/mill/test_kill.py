"""SIGKILL of a real process: whatever the moment, the next command finishes with the rows of an undisturbed run.

What a kill repays is counted by the engine's own call log: an in-process engine at most two open batches, a spooled engine
at most the replies of one unwritten group.
"""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.mill.spooling import GROUP
from storage.workspace import Workspace
from tests.flows.mill.toy import calls, content, workspace

CHECKOUT = Path(__file__).parents[3]
BATCH = 16
MOMENTS = 5  # random kills per workspace; there are four of them
Rows = dict[str, list[tuple[Any, ...]]]

pytestmark = pytest.mark.timeout(1800)  # each test is a few whole processes, some on a busy machine


@dataclass
class Patient:
    """One workspace whose runs are killed; `open_and_committed` counts kills with a batch committed and another open."""

    path: Path
    problems: int
    options: tuple[str, ...] = ()
    open_and_committed: int = 0
    lost: list[int] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.path / "calls"

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        self.path.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.flows.mill.child", str(self.path / "ws"), str(self.log)]
        command += ["--problems", str(self.problems), *self.options]
        return subprocess.Popen(command, cwd=CHECKOUT, env=os.environ | environment, start_new_session=True)

    def finish(self) -> Rows:
        """Run to the end; gives every row."""
        assert self.start().wait() == 0
        assert not self.alive()
        with workspace(self.path / "ws") as ws:
            return content(ws)

    def alive(self) -> list[psutil.Process]:
        """Processes whose command line names this workspace."""
        return [
            process
            for process in psutil.process_iter(["cmdline", "status"])
            if str(self.path) in " ".join(process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def stored(self) -> tuple[int, int]:
        """How many completions and how many verdicts are committed; nothing is put right by looking."""
        if not (self.path / "ws" / "rollmill.toml").exists():
            return 0, 0
        with Workspace.open(self.path / "ws") as ws:
            rows = content(ws)
        return len(rows["completions"]), len(rows["verdicts"])

    def kill_at(self, target: int, after: float) -> bool:
        """Run until the engine has made `target` calls, a moment longer, then kill; False where the run ended first."""
        before = len(calls(self.log))
        drawn_before, _ = self.stored()
        process = self.start()
        while len(calls(self.log)) < target and process.poll() is None:
            time.sleep(0.002)
        time.sleep(after)
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        drawn, judged = self.stored()
        paid = len(calls(self.log)) - before
        self.lost.append(paid - (drawn - drawn_before))
        if not ended and drawn > 0 and (self.lost[-1] > 0 or judged < drawn):
            self.open_and_committed += 1
        return not ended


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return Patient(tmp_path_factory.mktemp("undisturbed"), 24).finish()


def killed_at(path: Path, failpoint: str, *options: str, problems: int = 24) -> Patient:
    patient = Patient(path, problems, options)
    assert patient.start(ROLLMILL_FAILPOINT=failpoint).wait() == -signal.SIGKILL
    return patient


def test_killed_between_rename_and_registration_the_next_command_finishes(tmp_path: Path) -> None:
    patient = killed_at(tmp_path / "killed", "segment.renamed:5", problems=6)
    rows = patient.finish()
    assert rows == Patient(tmp_path / "fresh", 6).finish()
    assert len(rows["completions"]) <= len(calls(patient.log)) <= len(rows["completions"]) + 2 * BATCH


@pytest.mark.chaos
@pytest.mark.parametrize(
    "failpoint",
    [
        *(f"segment.{step}:{turn}" for step in ("temp_written", "fsynced", "renamed", "registered") for turn in (2, 7)),
        "plan.committed:1",
        "plan.committed:2",
    ],
)
def test_killed_at_a_failpoint(tmp_path: Path, undisturbed: Rows, failpoint: str) -> None:
    patient = killed_at(tmp_path, failpoint)
    assert patient.finish() == undisturbed
    total = len(undisturbed["completions"])
    assert total <= len(calls(patient.log)) <= total + 2 * BATCH
    assert set(calls(patient.log)) == {row[0] for row in undisturbed["completions"]}


@pytest.mark.chaos
@pytest.mark.parametrize("turn", [1, 3])
def test_killed_after_a_spool_write_the_replies_are_not_paid_again(tmp_path: Path, undisturbed: Rows, turn: int) -> None:
    patient = killed_at(tmp_path, f"spool.appended:{turn}", "--spooled", "--delay", "0.002")
    patient.options = ("--spooled",)
    assert patient.finish() == undisturbed
    assert len(calls(patient.log)) <= len(undisturbed["completions"]) + GROUP


@pytest.mark.chaos
def test_killed_at_random_moments_of_drawing_and_verifying(tmp_path: Path, undisturbed: Rows) -> None:
    rng = random.Random(2026)
    total = len(undisturbed["completions"])
    kills = open_and_committed = 0
    for number in range(4):
        patient = Patient(tmp_path / str(number), 24, ("--delay", "0.003", "--verify-delay", "0.003"))
        for moment in range(MOMENTS):
            share = (moment + rng.random()) / MOMENTS
            target = len(set(calls(patient.log))) + BATCH + int(share * total / MOMENTS)
            kills += patient.kill_at(target, rng.uniform(0, 0.1))
            assert patient.alive() == []
        assert patient.finish() == undisturbed
        assert max(patient.lost) <= 2 * BATCH
        assert set(calls(patient.log)) == {row[0] for row in undisturbed["completions"]}
        open_and_committed += patient.open_and_committed
    assert kills == 4 * MOMENTS
    assert open_and_committed >= 15
