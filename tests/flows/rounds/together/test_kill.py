"""SIGKILL of a real process between two steps: the next command finishes with the rows of an undisturbed run.

A thousand more, at every point and at random moments, are in test_storm.
"""

import signal
from pathlib import Path

import pytest

from tests.flows.rounds.together.child import toys
from tests.flows.rounds.toy import Rows, calls, rows_of
from tests.forked import Forked

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

BATCH, PROBLEMS = 16, 6


def finish(path: Path) -> Rows:
    """Run to the end; gives every row."""
    toys(path / "ws", path / "calls", PROBLEMS)
    return rows_of(path / "ws")


def test_killed_between_rename_and_registration_the_next_command_finishes(tmp_path: Path) -> None:
    killed, fresh = tmp_path / "killed", tmp_path / "fresh"
    killed.mkdir()
    fresh.mkdir()
    child = Forked(toys, killed / "ws", killed / "calls", PROBLEMS, point="segment.renamed:5")
    assert child.end() == (-signal.SIGKILL, "")
    rows = finish(killed)
    assert rows == finish(fresh)
    paid = calls(killed / "calls")
    assert len(rows["completions"]) <= len(paid) <= len(rows["completions"]) + 2 * BATCH
