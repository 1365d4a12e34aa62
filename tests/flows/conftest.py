"""A workspace with the toy methods of toys.py as a user's own file, and the command line in and out of this process."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import cli
from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.ids import digest128
from rollmill.storage.workspace import Workspace
from tests.prefect_home import PLACE, migrated_home
from tests.tied import tied

pytest.register_assert_rewrite("tests.flows.written.step_recipe_checks")  # its asserts are those of tests
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
Prepare = Callable[..., list[Said]]
Curated = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True, scope="session")
def _shared_place(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where the processes of this test run find one another's Prefect home."""
    base = tmp_path_factory.getbasetemp()
    PLACE.append(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


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


@pytest.fixture
def ten_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> Path:
    """A workspace, the current folder, with ten problems imported as `sums`."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    rows = [f'{{"id": "{n}", "prompt": "{n} + {n} = ?", "reference": "{2 * n}"}}\n' for n in range(10)]
    (folder / "sums.jsonl").write_text("".join(rows))
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    return folder


@dataclass
class Prepared:
    """Workspaces that commands have led to, by what they began with: for tests that begin where others began before.

    The first test that asks runs the commands, in its own workspace; later ones get a copy of the workspace as it was then,
    with what the commands printed.
    """

    place: Path
    said: dict[str, list[Said]] = field(default_factory=dict)

    def run(self, rollmill: Run, *commands: Sequence[str]) -> list[Said]:
        folder = Path.cwd()
        assert not (folder / ".rollmill" / "ledger.sqlite").exists(), "a test can be prepared in a fresh workspace alone"
        files = {str(path): path.read_text() for path in sorted(Path().rglob("*")) if path.is_file()}
        toys = {name: value.replace(str(folder), "") for name, value in os.environ.items() if name.startswith("TOY_")}
        key = digest128([files, [list(command) for command in commands], toys])
        if key not in self.said:
            said = [rollmill(*command) for command in commands]
            shutil.copytree(folder, self.place / key, symlinks=True)
            self.said[key] = [
                Said(one.status, *(text.replace(str(folder), "{ws}") for text in (one.out, one.err))) for one in said
            ]
            return said
        shutil.copytree(self.place / key, folder, symlinks=True, dirs_exist_ok=True)
        return [
            Said(one.status, *(text.replace("{ws}", str(folder)) for text in (one.out, one.err))) for one in self.said[key]
        ]


@pytest.fixture(scope="session")
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def prepare(_prepared: Prepared, rollmill: Run) -> Prepare:
    """Run commands, one after the other, in the fresh workspace that is the current folder, or copy what they led to."""
    return partial(_prepared.run, rollmill)


@pytest.fixture
def curated(prepare: Prepare) -> Curated:
    """Curate a recipe of the current folder, a fresh workspace, or copy what that led to; gives the outcome."""

    def run(*arguments: str) -> dict[str, Any]:
        [said] = prepare(["curate", *(arguments or ["toy.yaml"]), "--direct", "--json"])
        assert said.status == 0, said.err
        outcome: dict[str, Any] = json.loads(said.out)
        return outcome

    return run


def retrain(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the model of the toy recipe be another one from now on."""
    engine = load_recipe(toy / "toy.yaml").engine
    assert engine is not None
    before = engine.cls.__init__

    def retrained(self: Any, model: str = "toy-1", threads: int = 0, chance: float = 0.9) -> None:
        before(self, model, threads, chance)
        self.model_digest = "retrained"

    monkeypatch.setattr(engine.cls, "__init__", retrained)


def said_as_json(rollmill: Run, *arguments: str) -> dict[str, Any]:
    """What a command that succeeds says with --json."""
    found = rollmill(*arguments, "--json")
    assert found.status == 0, found.err
    row: dict[str, Any] = json.loads(found.out)
    return row


def start(*arguments: str, cwd: Path, before: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
    """The command line as a process of its own, which ends with the tests at the latest; `before`: what runs it."""
    if (
        arguments[:1]
        and arguments[0] in ("curate", "evaluate", "up")
        and not {"--direct", "PREFECT_API_URL"} & {*arguments, *env}
    ):
        migrated_home(cwd / ".rollmill")
    return subprocess.Popen(
        tied(*before, sys.executable, "-m", "rollmill.flows.cli", *arguments),
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
