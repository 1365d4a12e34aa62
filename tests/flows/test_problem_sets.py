"""Made problems that a workspace keeps: made once, made again for a file that is not whole, whoever writes beside."""

import threading
from collections.abc import Callable
from pathlib import Path

from rollmill.flows.problem_sets import made_problems
from rollmill.ground.records import Problem

TWO = [Problem("What is 1 + 1?", "2", meta={"graph": "a", "params": {"x": 1}}), Problem("What is 2 + 1?", "3", level=2)]


def maker(made: list[int]) -> Callable[[], list[Problem]]:
    def make() -> list[Problem]:
        made.append(1)
        return TWO

    return make


def test_they_are_made_once(tmp_path: Path) -> None:
    made: list[int] = []
    assert [made_problems(tmp_path / "kept", "key", maker(made), store=True) for _ in range(3)] == [TWO] * 3
    assert len(made) == 1
    assert made_problems(tmp_path / "kept", "another key", maker(made), store=True) == TWO
    assert len(made) == 2


def test_without_storing_nothing_is_written(tmp_path: Path) -> None:
    assert made_problems(tmp_path / "kept", "key", maker([]), store=False) == TWO
    assert not (tmp_path / "kept").exists()


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    made: list[int] = []
    made_problems(tmp_path, "key", maker(made), store=True)
    path = tmp_path / "key.arrow"
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:40], whole.replace(b"What", b"That"), bytes(len(whole))):
        path.write_bytes(damaged)
        assert made_problems(tmp_path, "key", maker(made), store=True) == TWO
        assert path.read_bytes() == whole
    assert len(made) == 6


def test_problems_that_a_file_would_change_are_not_stored(tmp_path: Path) -> None:
    odd = [Problem("Which?", "2", meta={"pair": (1, 2)})]  # JSON has no tuples
    assert made_problems(tmp_path, "key", lambda: odd, store=True) == odd
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_removed_in_time_and_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    (tmp_path / ".key.arrow.0a1b2c3d.tmp").write_bytes(b"half")
    writers = [
        threading.Thread(target=made_problems, args=(tmp_path, "key", maker([])), kwargs={"store": True}) for _ in range(8)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    made: list[int] = []
    assert made_problems(tmp_path, "key", maker(made), store=True) == TWO
    assert not made
    for number in range(8):
        made_problems(tmp_path, f"key {number}", maker([]), store=True)
    assert len(list(tmp_path.iterdir())) == 8
    assert not (tmp_path / ".key.arrow.0a1b2c3d.tmp").exists()


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    assert made_problems(tmp_path / "kept", "key", maker([]), store=True) == TWO


def test_a_folder_that_is_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "kept").symlink_to(tmp_path / "outside")
    assert made_problems(tmp_path / "kept", "key", maker([]), store=True) == TWO
    assert not list((tmp_path / "outside").iterdir())
