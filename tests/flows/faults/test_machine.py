"""What the machine does to a real command: a full disk, a locked ledger, a clock that is set."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, finish
from tests.flows.faults.conftest import (
    BATCH,
    COMMAND,
    CONCURRENCY,
    Outcome,
    Place,
    Server,
    outcome_of,
    same,
    workspace_at,
)
from tests.tied import tied
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

# A real file system of that size over one folder of the workspace, in a mount namespace of its own, made larger later.
FULL = """
set -e
mkdir -p {place}
mount -t tmpfs -o size={size}k none {place}
{keep}
status=0
{command} > first.out 2> first.err || status=$?
echo $status > first.status
mount -o remount,size=64m {place}
{command} > second.out 2> second.err
"""
# The ledger lies in the folder above the segments and spools: these are put beside it, and only they stay on the disk.
BESIDE = """
mkdir -p ../segments ../spool .rollmill/segments .rollmill/spool
mount --bind ../segments .rollmill/segments
mount --bind ../spool .rollmill/spool
"""


@pytest.mark.parametrize(
    ("where", "size", "named"),
    [("spool", 4, ".rollmill/spool"), ("segments", 40, ".rollmill/segments"), ("ledger", 640, "the ledger")],
)
def test_a_full_disk_is_said_and_the_same_command_goes_on(
    place: Place, undisturbed: Outcome, where: str, size: int, named: str
) -> None:
    place.server.start()
    place.write_profile()
    inside = ".rollmill" if where == "ledger" else f".rollmill/{where}"
    command = f"{shlex.quote(sys.executable)} -m rollmill.flows.cli {' '.join(COMMAND)}"
    script = FULL.format(place=inside, size=size, keep=BESIDE if where == "ledger" else "", command=command)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=place.folder, env=environment, capture_output=True)
    errors = (place.folder / "first.err").read_text()
    assert (place.folder / "first.status").read_text() == "2\n", errors
    assert "no space left to write" in errors
    assert named in errors
    assert "everything committed before is safe. Next: free some space and run the same command again" in errors
    assert done.returncode == 0, (place.folder / "second.err").read_text()
    assert same(json.loads((place.folder / "second.out").read_text()), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert rows <= place.server.asked <= rows + CONCURRENCY


HOLD = """
import sqlite3, sys, time
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def locked(place: Place, seconds: int) -> "subprocess.Popen[str]":
    """Another process that has the ledger to itself for so long."""
    ledger = place.folder / ".rollmill" / "ledger.sqlite"
    holder = subprocess.Popen(
        tied(sys.executable, "-c", HOLD, str(ledger), str(seconds)), stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_locked_ledger_is_waited_for_and_a_minute_is_enough(place: Place, undisturbed: Outcome, tmp_path: Path) -> None:
    """Both at once, as they only wait: one ledger is held for 30 seconds, one for 75."""
    patient = place
    other = Place(workspace_at(tmp_path / "other"), Server(tmp_path / "asked-other"))
    rows = undisturbed["funnel"]["drawn"]
    commands = []
    for one in (patient, other):
        one.server.delay = 0.5
        one.server.start()
        commands.append(one.curate())
    for one in (patient, other):
        assert until(lambda: one.server.asked >= 24, 120)  # noqa: B023 - asked now
    short, long = locked(patient, 30), locked(other, 75)
    assert [command.poll() for command in commands] == [None, None]
    assert same(outcome_of(finish(commands[0])), undisturbed)
    assert patient.server.asked == rows
    result = finish(commands[1])
    assert result.status == 2
    assert "another process has locked the ledger" in result.err
    assert "for over a minute. Next: run it again" in result.err
    assert (short.wait(), long.wait()) == (0, 0)
    assert same(other.outcome(), undisturbed)
    assert rows <= other.server.asked <= rows + CONCURRENCY
    other.server.kill()
    for holder in (short, long):
        assert holder.stdout is not None
        holder.stdout.close()


@pytest.mark.parametrize("seconds", [86_400, -86_400])
def test_a_clock_that_is_set_in_the_middle(place: Place, undisturbed: Outcome, seconds: int) -> None:
    """A second command begins after it, for which the leases of the first have ended, or last a day longer."""
    place.server.delay = 0.2
    place.server.start()
    place.write_profile()
    clock = place.folder / "clock"
    jumping = tied(sys.executable, "-m", "tests.flows.faults.jumping", str(clock), *COMMAND)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    def begin() -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen(jumping, cwd=place.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    first = begin()
    assert until(lambda: place.server.asked >= 40, 120)
    clock.write_text(str(seconds))
    second = begin()
    for command in (first, second):
        assert same(outcome_of(finish(command)), undisturbed)
    rows = undisturbed["funnel"]["drawn"]
    assert len(place.stored()) == rows
    assert rows <= place.server.asked <= rows + (3 * BATCH if seconds > 0 else 0)  # batches open when leases seemed to end
    with Workspace.open(place.folder) as ws:
        assert ws.recover() == []


def test_little_memory_ends_in_a_line_and_does_not_hang(toy: Path) -> None:
    """Libraries may abort where theirs cannot be mapped; what reaches Python is said."""
    limited = ["bash", "-c", 'ulimit -v 1500000; exec "$@"', "bash", sys.executable, "-m", "rollmill.flows.cli"]
    command = [*limited, "curate", "toy.yaml", "--direct"]
    done = subprocess.run(
        command, cwd=toy, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
    )
    assert "Traceback" not in done.stderr
    assert done.returncode < 0 or "there was not enough memory" in done.stderr or done.returncode == 0, done.stderr
