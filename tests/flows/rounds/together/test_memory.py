"""Completions with 360 MB of texts pass a run under a hard limit; without one of its bounds the same process exceeds it.

The limit is the kernel's (RLIMIT_DATA, addresses that can be written to), of a child process; half of it is there before a
row is (libraries, threads, two DuckDBs). It keeps 150 MB away from what a run takes and from what it takes when batches
are drawn without permits; where all texts are one window it takes still more. What it takes without a bound is measured
in a child that has memory enough: how a process without memory dies, and in which of its libraries, is left to chance.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollmill.places import CHECKOUT

ROWS, MEGABYTES = 60_000, 740
PLENTY = 8_000
POLL = 0.02  # seconds

pytestmark = pytest.mark.chaos


def child(rows: int, megabytes: int, *options: str) -> tuple[int, list[str], str, int]:
    """Exit status, the words it printed, its errors, and the most megabytes of data that it held."""
    sizes = ("--rows", str(rows), "--megabytes", str(megabytes))
    command = [sys.executable, "-m", "tests.flows.rounds.together.memory_child", *sizes, *options]
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the default one reserves a gigabyte of addresses
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment, **pipes) as process:  # type: ignore[call-overload]
        peak = 0
        while process.poll() is None:
            peak = max(peak, data_of(process.pid))
            time.sleep(POLL)
        stdout, stderr = process.communicate()
    return process.returncode, stdout.split(), stderr[-2000:], peak


def data_of(pid: int) -> int:
    """The megabytes that count for RLIMIT_DATA; 0 of a process that is ending."""
    size = re.search(r"VmData:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(size[1]) >> 10 if size else 0


def test_long_texts_pass_under_a_hard_limit() -> None:
    status, words, errors, _ = child(ROWS, MEGABYTES)
    assert (status, words) == (0, [str(ROWS)] * 3), errors


@pytest.mark.parametrize(("broken", "rows"), [("permits", ROWS), ("windows", ROWS // 2)])
def test_the_limit_is_one_that_a_run_without_bounds_exceeds(broken: str, rows: int) -> None:
    status, words, errors, peak = child(rows, PLENTY, "--broken", broken)
    assert (status, words) == (0, [str(rows)] * 3), errors
    assert peak > MEGABYTES
