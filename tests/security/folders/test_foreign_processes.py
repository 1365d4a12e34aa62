"""A ledger or a state file that came with a folder names a process of the person: no command ends it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from rollmill.ground.files import locked
from rollmill.storage.commands import stop, workers_of
from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.ledger.owners import Owner, _host, _started
from rollmill.storage.standing import lock_file
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, rollmill  # noqa: F401 (a fixture)

pytestmark = pytest.mark.security
RUN = "toy-aaaaaaaa"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with Workspace.init(tmp_path / "ws") as ws:
        ws.runs.open(RUN, name="toy", recipe={}, recipe_hash="0" * 64)
    monkeypatch.chdir(tmp_path / "ws")
    return tmp_path / "ws"


@pytest.fixture
def victim(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of the person, which looks into a file of the folder, as an editor or a shell there does."""
    with (folder / "rollmill.toml").open() as file, subprocess.Popen(["sleep", "600"], stdin=file, cwd=folder) as process:
        yield process
        process.kill()


def owner(pid: int) -> Owner:
    return Owner(_host(), pid, _started(pid)[1])


def planted(folder: Path, key: str, pid: int) -> None:
    known = owner(pid)
    row = {"host": known.host, "pid": pid, "started": known.started, "expires_at": 9e9, "token": "t"}
    with Workspace.open(folder) as ws, ws.ledger.write() as session:
        session.execute(insert(LeaseRow), {"key": key, **row})


@pytest.mark.parametrize("key", [f"command/{RUN}/x", "training/abc", "loop/mine", "trial/mine"])
def test_cancel_ends_no_process_that_does_not_work_here(
    folder: Path,
    victim: "subprocess.Popen[bytes]",
    key: str,
    rollmill: Run,  # noqa: F811
) -> None:
    planted(folder, key, victim.pid)
    name = RUN if key.startswith("command") else key
    for flags in ((), ("--dry-run",), ("--json",)):
        done = rollmill("runs", "cancel", name, *flags)
        assert done.status == 1, done
        assert f"the ledger names process {victim.pid}" in done.err
        assert f"ps -fp {victim.pid}" in done.err
    assert victim.poll() is None


def test_down_ends_no_process_that_does_not_serve_this_folder(
    folder: Path,
    victim: "subprocess.Popen[bytes]",
    rollmill: Run,  # noqa: F811
) -> None:
    """Another user of the machine keeps the lock."""
    known = owner(victim.pid)
    process = {"host": known.host, "pid": known.pid, "started": known.started}
    standing = {"process": process, "port": 1, "home": str(folder / ".rollmill/prefect")}
    (folder / ".rollmill/up.json").write_text(json.dumps(standing))
    with locked(lock_file(folder / ".rollmill")):
        done = rollmill("down")
    assert "Nothing is up in this workspace" in done.out, done
    assert victim.poll() is None


WORK = f"""\
import sys, time
from pathlib import Path
from rollmill.storage.commands import working_on
from rollmill.storage.workspace import Workspace
with Workspace.open(Path(sys.argv[1])) as ws, working_on(ws.ledger.leases, {RUN!r}):
    print("works", flush=True)
    time.sleep(600)
"""


def test_a_process_that_works_here_is_asked_to_stop(folder: Path) -> None:
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", WORK, str(folder)], stdout=subprocess.PIPE, env=variables) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"works\n"
        with Workspace.open(folder) as ws:
            assert stop(ws.ledger.leases, workers_of(ws.ledger.leases)[RUN]) == 1
        assert worker.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("pid", ["self", "1/../self", 0, -1, 2**62])
def test_what_is_no_process_number_is_no_process(folder: Path, pid: object) -> None:
    """SQLite keeps texts in a column of numbers; kill(0) and kill(-1) mean many processes."""
    planted(folder, f"command/{RUN}/x", os.getpid())
    with sqlite3.connect(folder / ".rollmill/ledger.sqlite") as database:
        database.execute("UPDATE leases SET pid = ?", [pid])
    with Workspace.open(folder) as ws:
        assert workers_of(ws.ledger.leases) == {}
