"""A command begins at once: no help loads a library that is not needed, and on a terminal nobody waits in silence."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollmill.flows.cli import output
from rollmill.flows.cli.output import doing, line, never_silent
from rollmill.ground.records import PlanRow
from rollmill.storage.audits import Audit
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT
from tests.storage.versions.conftest import build

HEAVY = (
    "sqlalchemy",
    "duckdb",
    "pyarrow",
    "pyarrow.compute",
    "numpy",
    "pandas",
    "onnxruntime",
    "prefect",
    "scipy.special",
    "sympy",
    "aiohttp",
    "rollmill.storage.ledger",
    "rollmill.storage.exports.exporting",
    "rollmill.flows.rounds.judging",
    "rollmill.pipelines.edit",
)


def loaded_by(*arguments: str) -> list[str]:
    """The heavy modules that a command loads."""
    code = f"import sys; from rollmill.flows import cli; cli.run({list(arguments)})\n"
    code += f"print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found: list[str] = eval(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("arguments", [["--help"], ["import", "--help"], ["dataset", "why", "--help"]], ids=" ".join)
def test_help_loads_no_library_that_it_does_not_need(arguments: list[str]) -> None:
    assert loaded_by(*arguments) == []


LISTS = ("dataset list", "runs list", "import list", "audit list", "schedule list", "view list")


@pytest.mark.integration
@pytest.mark.parametrize("command", LISTS)
def test_what_lists_loads_no_library_where_nothing_is(tmp_path: Path, command: str) -> None:
    Workspace.init(tmp_path).close()
    assert set(loaded_by("-C", str(tmp_path), *command.split())) <= {
        "rollmill.storage.ledger"
    }  # who owns a process, without its rows


TABLES = ("methods", "benchmark list", "model list")


@pytest.mark.parametrize("command", TABLES)
def test_a_list_of_what_ships_reads_tables_and_imports_no_method(tmp_path: Path, command: str) -> None:
    """`methods` imported every method, and `benchmark list` all of storage: a second each."""
    Workspace.init(tmp_path).close()
    assert set(loaded_by("-C", str(tmp_path), *command.split())) <= {"rollmill.storage.ledger"}


READS_RUNS = (
    "runs show", "runs show x", "runs cost", "runs queue", "runs attempts", "runs elected", "problems", "show x",
    "compare a b", "leaderboard a", "replay a", "dataset why a x",
)  # fmt: skip


@pytest.mark.integration
@pytest.mark.parametrize("command", READS_RUNS)
def test_what_reads_the_latest_run_loads_no_library_where_none_is(tmp_path: Path, command: str) -> None:
    Workspace.init(tmp_path).close()
    assert loaded_by("-C", str(tmp_path), *command.split()) == []


RECIPE = str(ROOT / "recipes" / "arithmetic.yaml")
READERS = {
    f"recipe check {RECIPE}": set(),
    f"recipe show {RECIPE}": set(),
    f"recipe form {RECIPE}": set(),
    "recipe list": set(),
    "recipe list --papers": set(),
    "doctor --quick": {"rollmill.storage.ledger"},
    "benchmark show gsm8k": {"numpy", "pyarrow"},
}


@pytest.mark.integration
@pytest.mark.parametrize("command", READERS, ids=lambda text: str(text).partition(" /")[0])
def test_what_reads_a_file_loads_nothing_that_runs_it(tmp_path: Path, command: str) -> None:
    """`recipe check` made all held-out problems and loaded what draws: two seconds of processor time."""
    Workspace.init(tmp_path).close()
    assert set(loaded_by("-C", str(tmp_path), *command.split())) <= READERS[command]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run, an import and an audit."""
    folder = tmp_path_factory.mktemp("used")
    file = folder / "rows.jsonl"
    file.write_text('{"prompt": "1 + 1?", "reference": "2", "text": "2", "model": "m"}\n')
    with Workspace.init(folder) as workspace:
        workspace.runs.open("toy-1", name="toy", recipe={"name": "toy"}, recipe_hash="r" * 8)
        workspace.runs.commit_plan("toy-1", 0, [PlanRow("toy-1", 0, 0, 0, "p", "q", "c", 0, 1)], [])
        workspace.runs.finish("toy-1", "done", {})
        import_rollouts(workspace, ImportSpec(file, "mine"))
        workspace.audits.save(Audit("planted-1", "number", "1", "planted", "toy-1", {"seed": 1, "n": 1}))
    return folder


LEDGER = {"sqlalchemy", "rollmill.storage.ledger"}
ROWS = {"pyarrow", "numpy"}
COUNTS = ROWS | {"duckdb", "pyarrow.compute"}
READS = {
    "runs list": LEDGER,
    "import list": LEDGER | ROWS | {"duckdb"},  # counts rollouts by model
    "audit list": LEDGER | ROWS,  # its rates are estimated anew
    "runs show": LEDGER | COUNTS,  # counts what is drawn; pyarrow would load pandas for a value of Python
    "runs cost": LEDGER | COUNTS,
    "runs queue": LEDGER | COUNTS,
    "holdout show": {"rollmill.storage.ledger"},
    "doctor --quick": LEDGER | ROWS,
    f"recipe check {RECIPE}": set(),
    "benchmark show gsm8k": LEDGER | COUNTS,
    "problems": LEDGER | ROWS | {"duckdb"},
    "schedule list": {"rollmill.storage.ledger"},
    "view list": set(),
    "dataset list": set(),
}


@pytest.mark.integration
@pytest.mark.parametrize("command", READS, ids=lambda text: str(text).partition(" /")[0])
def test_what_reads_loads_no_more_than_it_reads_with(used: Path, command: str) -> None:
    """`runs list` loaded pyarrow, numpy and pandas; each takes as long as all that it does itself."""
    assert set(loaded_by("-C", str(used), *command.split())) <= READS[command]


def test_what_reads_folders_alone_loads_no_database(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        publish(workspace, build(), report_html="", report_json={})
        shutil.rmtree(workspace.state)  # as in a fresh clone
    assert loaded_by("-C", str(tmp_path), "dataset", "list") == []
    [dataset] = (tmp_path / "datasets").iterdir()
    assert set(loaded_by("-C", str(tmp_path), "dataset", "show", dataset.name)) <= ROWS  # its drift has intervals


def on_a_terminal(patch: pytest.MonkeyPatch) -> None:
    """Standard error is one from here on; called in a test, whose stream is not that of its fixtures."""
    patch.setattr(output, "_SILENT_SECONDS", 0.05)
    patch.setattr("sys.stderr.isatty", lambda: True)


def test_a_command_that_prints_nothing_for_a_while_says_what_it_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    with never_silent("rollmill plan: loading modules"):
        time.sleep(0.2)
    assert "rollmill plan: loading modules ..." in capsys.readouterr().err


def test_one_that_printed_or_ended_by_then_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch)
    with never_silent("rollmill plan: loading modules"):
        line("No runs.")
        time.sleep(0.2)
    with never_silent("rollmill plan: loading modules"):
        pass
    time.sleep(0.1)
    assert capsys.readouterr() == ("No runs.\n", "")


def test_a_pipe_gets_results_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_SILENT_SECONDS", 0.01)
    with never_silent("rollmill plan: loading modules"):
        doing("checking it")
        time.sleep(0.1)
    assert capsys.readouterr() == ("", "")
