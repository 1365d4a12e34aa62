"""Signals that end a command: one line says how it goes on, the ledger says how it ended, and no process is left."""

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import psutil
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT, Said, finish, start
from tests.waiting import until

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
TOYS = Path(__file__).parents[2] / "toys.py"
GOES_ON = "Interrupted; what was committed is kept. To go on: rollmill curate toy.yaml"


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    return folder


def at_work(folder: Path, *before: str, sleep: str = "0.2") -> "subprocess.Popen[str]":
    """A command that draws, slowly."""
    calls = folder / "calls"
    command = start(
        "curate", "toy.yaml", "--direct", "--json", cwd=folder, before=before, TOY_SLEEP=sleep, TOY_CALLS=str(calls)
    )
    assert until(calls.exists, 120)
    return command


def statuses(folder: Path) -> list[str]:
    with Workspace.open(folder) as workspace:
        return [run.status for run in workspace.runs.list()]


def left_behind(folder: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_ends_a_command_as_ctrl_c_does(toy: Path, number: signal.Signals) -> None:
    command = at_work(toy)
    command.send_signal(number)
    said = finish(command)
    assert (said.status, said.out) == (130, "")
    assert GOES_ON in said.err
    assert "Traceback" not in said.err
    assert statuses(toy) == ["interrupted"]
    assert left_behind(toy) == []


def test_two_signals_at_once_are_one(toy: Path) -> None:
    command = at_work(toy)
    command.send_signal(signal.SIGTERM)
    command.send_signal(signal.SIGHUP)  # as `timeout` sends one to the command and one to its group
    said = finish(command)
    assert said.status == 130
    assert said.err.count(GOES_ON) == 1
    resumed = finish(start("curate", "toy.yaml", "--direct", "--json", cwd=toy))
    assert (resumed.status, json.loads(resumed.out)["created"]) == (0, True)


def test_a_command_under_nohup_goes_on_after_the_end_of_its_terminal(toy: Path) -> None:
    command = at_work(toy, "nohup", sleep="0.02")
    command.send_signal(signal.SIGHUP)
    said = finish(command)
    assert (said.status, json.loads(said.out)["created"]) == (0, True)


def test_a_command_whose_terminal_is_closed_ends_in_order(toy: Path) -> None:
    here, there = pty.openpty()
    calls = toy / "calls"

    def own_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    command = subprocess.Popen(
        [sys.executable, "-m", "rollmill.flows.cli", "curate", "toy.yaml", "--direct"],
        cwd=toy,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOY_SLEEP": "0.2", "TOY_CALLS": str(calls)},
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
        preexec_fn=own_terminal,  # noqa: PLW1509 - no other thread runs here
    )
    os.close(there)
    assert until(calls.exists, 120)
    os.close(here)
    assert command.wait(60) == 130
    assert statuses(toy) == ["interrupted"]
    assert left_behind(toy) == []


def test_a_command_that_only_looks_says_a_word_too(toy: Path) -> None:
    command = at_work(toy)
    watcher = start("runs", "watch", cwd=toy)
    time.sleep(0.5)
    assert until(lambda: psutil.Process(watcher.pid).num_threads() >= 1)
    assert until(lambda: _catches(watcher.pid, signal.SIGHUP), 60)
    watcher.send_signal(signal.SIGHUP)
    said = finish(watcher)
    assert said.status == 130
    assert "rollmill: interrupted. Next: run the same command again" in said.err
    command.send_signal(signal.SIGINT)
    assert isinstance(finish(command), Said)


def _catches(pid: int, number: signal.Signals) -> bool:
    """True once a process has a handler for the signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) & (1 << (number - 1)))
