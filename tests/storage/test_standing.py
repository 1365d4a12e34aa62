"""How the standing server is said to be: up, starting, restarting, silent, given up, killed or down, by every verb."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.ledger.owners import _owner, this_process
from rollmill.storage.standing import Service, Standing, find_standing, lock_file, look, standing_file, write_standing
from tests.storage.healthy import answering


@pytest.fixture
def port() -> Iterator[int]:
    """Where something answers like a Prefect server."""
    with answering() as answers:
        yield answers


def gone() -> dict[str, Any]:
    """A process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return {**asdict(this_process()), "pid": child.pid}


def left(state: Path, **changes: object) -> None:
    row = json.loads(standing_file(state).read_text())
    standing_file(state).write_text(json.dumps({**row, **changes}))


def test_each_state_is_told_from_the_others(tmp_path: Path, port: int) -> None:
    assert look(tmp_path) == Service("down")
    home = tmp_path / "prefect"
    write_standing(tmp_path, port, home, "starting")
    assert look(tmp_path).status == "starting"
    write_standing(tmp_path, port, home)
    assert look(tmp_path) == Service("up", Standing(this_process(), port, home))
    assert (look(tmp_path).alive, look(tmp_path).sound) == (True, True)
    write_standing(tmp_path, port, home, "restarting", "it ended. It is started again (1 of 4).")
    assert (look(tmp_path).status, look(tmp_path).alive, look(tmp_path).sound) == ("restarting", True, False)
    write_standing(tmp_path, 1, home)
    assert (look(tmp_path).status, look(tmp_path).sound) == ("silent", False)
    write_standing(tmp_path, port, home, "gave up", "its database is damaged.")
    assert look(tmp_path).line() == "NOT SERVED: `rollmill up` gave up: its database is damaged. Next: rollmill up"
    left(tmp_path, process=gone())
    assert (look(tmp_path).status, look(tmp_path).alive) == ("gave up", False)
    left(tmp_path, status="up")
    assert (look(tmp_path).status, look(tmp_path).alive, look(tmp_path).sound) == ("killed", False, False)


def test_a_pid_that_was_reused_is_not_our_standing_server(tmp_path: Path) -> None:
    write_standing(tmp_path, 1, tmp_path / "prefect")
    assert find_standing(tmp_path) == Standing(this_process(), 1, tmp_path / "prefect")
    me = this_process()
    left(tmp_path, process={**asdict(me), "started": me.started - 1})
    assert find_standing(tmp_path) is None
    standing_file(tmp_path).write_text("{half")
    assert find_standing(tmp_path) is None


def test_a_state_file_that_came_with_a_folder_is_no_server_of_it(tmp_path: Path) -> None:
    """A copy of a folder that is up has its file, with the number of a process that lives."""
    held = "import fcntl, sys; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", held, str(lock_file(tmp_path))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as up:
        assert up.stdout is not None
        up.stdout.readline()
        write_standing(tmp_path, 1, tmp_path / "prefect")
        left(tmp_path, process=asdict(_owner(up.pid)))
        standing = find_standing(tmp_path)
        assert standing is not None
        assert standing.process.pid == up.pid
        copy = tmp_path / "copy"
        copy.mkdir()
        for file in (standing_file(tmp_path), lock_file(tmp_path)):
            (copy / file.name).write_bytes(file.read_bytes())
        assert (find_standing(copy), look(copy).alive) == (None, False)
        up.communicate(b"\n")
    assert find_standing(tmp_path) is None
