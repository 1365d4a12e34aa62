"""A tied child ends with the process that started it, however that ends; so does a fork."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.tied import tied
from tests.waiting import until

ROOT = Path(__file__).parents[2]
PARENT = """
import os, subprocess, sys, time
from tests.tied import die_with, tied
sleep = "import time; time.sleep(600)"
child = subprocess.Popen(tied(sys.executable, "-c", sleep))
me = os.getpid()
fork = os.fork()
if fork == 0:
    die_with(me)
    os.write(1, b"ready\\n")
    time.sleep(600)
os.write(1, f"{child.pid} {fork}\\n".encode())  # in one piece, as both write
time.sleep(600)
"""


def gone(pid: int) -> bool:
    """Whether a process is dead, collected or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_killed_parent_takes_its_children_along() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            ids, ready = sorted(parent.stdout.readline() for _ in range(2))
            assert ready == "ready\n"
            children = [int(word) for word in ids.split()]
            command = psutil.Process(children[0])
            assert until(lambda: command.cmdline()[1:] == ["-c", "import time; time.sleep(600)"])
            assert not any(map(gone, children))
        finally:
            parent.kill()
    assert until(lambda: all(map(gone, children)))


def test_a_tied_command_is_the_process_that_was_started() -> None:
    command = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert subprocess.run(tied(sys.executable, "-c", command)).returncode == -signal.SIGTERM
    assert subprocess.run(tied(sys.executable, "-c", "raise SystemExit(7)")).returncode == 7
