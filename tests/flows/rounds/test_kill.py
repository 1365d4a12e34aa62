"""SIGKILL of a real process between two steps: the next command finishes with the rows of an undisturbed run.

A thousand more, at every point and at random moments, are in test_storm.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.rounds.toy import calls, content, workspace
from tests.tied import tied

CHECKOUT = Path(__file__).parents[3]
BATCH = 16

pytestmark = pytest.mark.timeout(300)  # a few whole processes, some on a busy machine


def start(path: Path, **environment: str) -> subprocess.Popen[bytes]:
    path.mkdir(exist_ok=True)
    command = tied(
        sys.executable, "-m", "tests.flows.rounds.child", str(path / "ws"), str(path / "calls"), "--problems", "6"
    )
    return subprocess.Popen(command, cwd=CHECKOUT, env=os.environ | environment)


def finish(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Run to the end; gives every row."""
    assert start(path).wait() == 0
    with workspace(path / "ws") as ws:
        return content(ws)


def test_killed_between_rename_and_registration_the_next_command_finishes(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    assert start(killed, ROLLMILL_FAILPOINT="segment.renamed:5").wait() == -signal.SIGKILL
    rows = finish(killed)
    assert rows == finish(tmp_path / "fresh")
    paid = calls(killed / "calls")
    assert len(rows["completions"]) <= len(paid) <= len(rows["completions"]) + 2 * BATCH
