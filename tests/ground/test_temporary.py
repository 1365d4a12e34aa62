"""Temporary folders: gone after the block, kept from others while it lasts, and removed by the next after a kill."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rollmill.ground.temporary import temporary_folder

KILLED = """
import os, signal
from rollmill.ground.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "rows.jsonl").write_text("left")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_gone_after_the_block_and_others_leave_it_alone(place: Path) -> None:
    with temporary_folder() as first, temporary_folder() as second:
        assert {first, second} == set(place.iterdir())
        (first / "file").write_text("x")
    assert list(place.iterdir()) == []
    with pytest.raises(ValueError, match="inside"), temporary_folder():
        raise ValueError("inside")
    assert list(place.iterdir()) == []


def test_what_a_killed_command_left_is_removed_by_the_next(place: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED]).returncode == -9
    [left] = place.iterdir()
    (place / "other").mkdir()
    with temporary_folder() as folder:
        assert set(place.iterdir()) == {folder, place / "other"}
    assert not left.exists()


def test_many_at_once_each_keep_their_own(place: Path) -> None:
    def used(number: int) -> str:
        with temporary_folder() as folder:
            (folder / "file").write_text(str(number))
            with temporary_folder():
                return (folder / "file").read_text()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(used, range(100))) == [str(number) for number in range(100)]
    assert list(place.iterdir()) == []
