"""A workspace with the toy methods of toys.py as a user's own file, and the command line in and out of this process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import cli
from storage.workspace import Workspace
from tests.tied import tied

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """\
recipe_schema: 1
name: toy
seed: 3
problems:
  synthesize: toys.py:ToyProblems
  count: 12
generate:
  engine: toys.py:ToyEngine
  model: toy-1
  max_tokens: 16
  batch_size: 16
  options: {chance: 0.5}
verify:
  - method: number
budget:
  method: prop2diff
  options: {initial: 4, target: 3, cap: 16}
select:
  method: quota
  options: {per_problem: 3}
gate:
  min_kept: 10
evaluation:
  - synthesize: toys.py:ToyProblems
    options: {split: held}
    count: 12
    seed: 1
"""


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace folder, the current one, with toys.py and toy.yaml in it."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[1] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def rollmill(capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process; `evaluate` without Prefect, whose server takes seconds to start."""

    def run(*arguments: str) -> Said:
        capfd.readouterr()
        status = cli.run([*arguments, *(["--direct"] if arguments[0] == "evaluate" else [])])
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return run


def start(*arguments: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """The command line as a process of its own, which ends with the tests at the latest."""
    return subprocess.Popen(
        tied(sys.executable, "-m", "flows.cli", *arguments),
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], timeout: float = 240) -> Said:
    """Wait for a process of `start`."""
    out, err = process.communicate(timeout=timeout)
    return Said(process.returncode, out, err)
