"""Completions with 360 MB of texts pass a run under a hard limit; without one of its bounds the same process dies of it.

The limit is the kernel's (RLIMIT_DATA, addresses that can be written to), of a child process; half of it is there before a
row is (libraries, threads, two DuckDBs). It keeps 150 MB away from what a run takes and from what it takes when batches
are drawn without permits; where all texts are one window it takes still more.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
ROWS, MEGABYTES = 60_000, 840

pytestmark = pytest.mark.chaos


def child(rows: int, *options: str) -> subprocess.CompletedProcess[str]:
    sizes = ("--rows", str(rows), "--megabytes", str(MEGABYTES))
    command = [sys.executable, "-m", "tests.flows.rounds.memory_child", *sizes, *options]
    environment = os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"}  # the default one reserves a gigabyte of addresses
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=environment)


def test_long_texts_pass_under_a_hard_limit() -> None:
    done = child(ROWS)
    assert (done.returncode, done.stdout.split()) == (0, [str(ROWS)] * 3), done.stderr[-2000:]


@pytest.mark.parametrize(("broken", "rows"), [("permits", ROWS), ("windows", ROWS // 2)])
def test_the_limit_is_one_that_a_mill_without_bounds_exceeds(broken: str, rows: int) -> None:
    done = child(rows, "--broken", broken)
    assert done.returncode != 0
    assert re.search("MemoryError|Out of Memory|bad_alloc|malloc of size", done.stderr), done.stderr[-2000:]
