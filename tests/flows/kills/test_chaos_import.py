"""Real kills of `rollmill import` between its segment files: what it left is no import."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, finish, start
from tests.forked import Forked
from tests.json_lines import write_lines
from tests.storage.imports.reading.in_fours import import_in_fours
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

ROWS, FILES = 60_000, 3
COMMAND = ("import", "rollouts", "rollouts.jsonl", "--name", "mine")
# A file system of its own for the segments, too small for all of them, then made larger.
FULL = """
mkdir -p .rollmill/segments
mount -t tmpfs -o size={size}k none .rollmill/segments
status=0
{command} > first.out 2> first.err || status=$?
echo $status > first.status
find .rollmill/segments -name '*.parquet' | wc -l > first.files
mount -o remount,size=256m .rollmill/segments
{command} --json > second.out 2> second.err
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace with a file of 60,000 rollouts of 600 problems; the texts are random, so that files have their size."""
    Workspace.init(tmp_path).close()
    with (tmp_path / "rollouts.jsonl").open("w") as file:
        for number in range(ROWS):
            problem = number // 100
            text = f"{os.urandom(100).hex()} #### {problem + 1}"
            row = {"prompt": f"{problem}+1?", "reference": str(problem + 1), "model": "m", "text": text}
            file.write(json.dumps(row) + "\n")
    recipe = (ROOT / "recipes" / "imported.yaml").read_text()
    (tmp_path / "imported.yaml").write_text(recipe)
    return tmp_path


def segment_files(folder: Path) -> list[Path]:
    return list((folder / ".rollmill" / "segments").glob("*/*/[!.]*.parquet"))


def stored(folder: Path) -> tuple[int, int]:
    with Workspace.open(folder) as workspace:
        return workspace.segments.read("problems").num_rows, workspace.segments.read("completions").num_rows


@pytest.mark.parametrize(
    ("how", "status"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), pytest.param(signal.SIGTERM, 130, marks=pytest.mark.long)],
)
def test_an_import_that_is_ended_between_its_files_is_no_import(folder: Path, how: signal.Signals, status: int) -> None:
    command = start(*COMMAND, cwd=folder)
    assert until(lambda: len(segment_files(folder)) >= FILES, 120)
    command.send_signal(how)
    ended = finish(command)
    assert ended.status == status, ended.err
    assert "Traceback" not in ended.err
    assert stored(folder) == (0, 0)
    refused = finish(start("curate", "imported.yaml", "--direct", cwd=folder))
    assert refused.status == 2
    assert "no problems were imported as 'mine'" in refused.err
    assert segment_files(folder) == []
    again = finish(start(*COMMAND, "--json", cwd=folder))
    assert again.status == 0, again.err
    assert json.loads(again.out)["completions"] == {"new": ROWS, "already": 0}
    assert stored(folder) == (600, ROWS)


def test_a_full_disk_leaves_nothing_of_an_import(folder: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m rollmill.flows.cli {' '.join(COMMAND)}"
    script = FULL.format(size=5_000, command=line)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(["unshare", "-rm", "sh", "-ec", script], cwd=folder, env=environment, capture_output=True)
    errors = (folder / "first.err").read_text()
    assert (folder / "first.status").read_text() == "2\n", errors
    assert "no space left to write" in errors
    assert "Nothing of rollouts.jsonl was stored." in errors
    assert (folder / "first.files").read_text().strip() == "0"
    assert done.returncode == 0, (folder / "second.err").read_text()
    assert json.loads((folder / "second.out").read_text())["completions"] == {"new": ROWS, "already": 0}


def test_a_kill_at_any_point_of_an_import_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    """Every failpoint in turn, until the import gets through: files, fsyncs, renames, the transaction, what follows it."""
    rows = [{"prompt": f"{n}+1?", "reference": "1", "model": "m", "text": "1"} for n in range(10)]
    write_lines(tmp_path / "rows.jsonl", rows)
    found = []
    for number in range(1, 100):
        root = tmp_path / str(number)
        Workspace.init(root).close()
        with Workspace.open(root) as workspace:
            assert workspace.imports.list() == []  # makes the ledger
        status, said = Forked(import_in_fours, root, tmp_path / "rows.jsonl", point=f"*:{number}").end()
        assert status in (0, -9), said
        with Workspace.open(root) as workspace:
            workspace.recover()
            found.append((*stored(root), len(workspace.imports.list()), len(segment_files(root))))
        if status == 0:
            break
    whole = found.index((10, 10, 1, 6))
    assert whole > 15
    assert set(found[:whole]) == {(0, 0, 0, 0)}
    assert set(found[whole:]) == {(10, 10, 1, 6)}
