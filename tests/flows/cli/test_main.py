"""The program itself: help of every verb, exit statuses, and mistakes in one line without a traceback."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from rollmill.flows import cli
from rollmill.flows.cli.operate import command_list
from rollmill.ground.errors import FoundWanting
from tests.flows.conftest import ROOT, Run

pytestmark = pytest.mark.integration


def verbs() -> list[list[str]]:
    """Every verb and sub-verb as typed."""
    found: list[list[str]] = []

    def walk(command: object, path: list[str]) -> None:
        children = getattr(command, "commands", {})
        for name, child in children.items():
            walk(child, [*path, name])
        if not children:
            found.append(path)

    walk(typer.main.get_command(cli.build()), [])
    return found


@pytest.mark.parametrize("path", verbs(), ids=" ".join)
def test_every_verb_has_help_with_an_example(path: list[str], rollmill: Run) -> None:
    result = rollmill(*path, "--help")
    assert result.status == 0
    assert re.search(rf"Example: rollmill {' '.join(path)}\b", result.out)
    assert not re.search(r"\[\[|list\[", result.out)
    assert max(map(len, result.out.splitlines())) <= 80


def test_lists_of_commands_give_whole_sentences(rollmill: Run) -> None:
    for group in ([], *([name] for name in sorted({path[0] for path in verbs() if len(path) > 1}))):
        result = rollmill(*group, "-h")
        assert result.status == 0
        assert "..." not in result.out.partition("Commands:" if group else "Make:")[2]
        assert max(map(len, result.out.splitlines())) <= 80


def listed_by(text: str) -> tuple[list[str], list[str]]:
    """The titles of the program's help, and the verbs that it gives a sentence."""
    titles = re.findall(r"^([A-Z][\w ]+):$", text, flags=re.MULTILINE)
    return titles, re.findall(r"^  (\w[\w-]*)  +[A-Z]", text, flags=re.MULTILINE)


def test_help_gives_at_most_24_verbs_a_sentence_and_names_the_others(rollmill: Run) -> None:
    text = rollmill("--help").out
    titles, explained = listed_by(text)
    assert titles == ["Options", *command_list.PANELS, command_list.FURTHER_TITLE]
    assert len(explained) <= 24
    assert {"init", "import", "curate", "dataset"} <= set(explained)
    named = text.partition(f"{command_list.FURTHER_TITLE}:\n")[2].partition("\n\n")[0].split()
    assert "study" in named
    assert sorted([*explained, *named]) == sorted({path[0] for path in verbs()})


@pytest.mark.parametrize("words", [["help", "all"], ["--help", "--all"], ["--all", "-h"]], ids=" ".join)
def test_help_all_gives_every_verb_a_sentence(words: list[str], rollmill: Run) -> None:
    result = rollmill(*words)
    assert result.status == 0
    assert sorted(listed_by(result.out)[1]) == sorted({path[0] for path in verbs()})
    assert max(map(len, result.out.splitlines())) <= 80


def test_help_takes_a_verb(rollmill: Run) -> None:
    assert rollmill("help").out == rollmill("--help").out
    assert rollmill("help", "dataset", "show").out == rollmill("dataset", "show", "--help").out
    assert "No such command 'curat'. Did you mean 'curate'?" in rollmill("help", "curat").err


def test_the_version_names_its_commit(rollmill: Run) -> None:
    result = rollmill("--version")
    assert result.status == 0
    assert re.fullmatch(r"rollmill \d+\.\d+\.\d+(\.dev\d+)? \([0-9a-f]{7,}(\+changes)?\)\n", result.out)


def test_a_shell_can_complete_the_verbs() -> None:
    environment = {**os.environ, "_ROLLMILL_COMPLETE": "complete_bash", "COMP_WORDS": "rollmill da", "COMP_CWORD": "1"}
    code = "from rollmill.flows import cli; cli.run([])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["dataset", "dashboard"]


def test_the_verbs_of_the_design_are_there() -> None:
    top = {path[0] for path in verbs()}
    assert {
        "init",
        "synthesize",
        "curate",
        "select",
        "recipe",
        "runs",
        "dataset",
        "schedule",
        "up",
        "down",
        "gc",
        "doctor",
    } <= top


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["curat"], "rollmill: No such command 'curat'. Did you mean 'curate'? Next: rollmill --help"),
        (["curate"], "rollmill: Missing argument 'RECIPE'. Next: rollmill curate --help"),
        (["curate", "toy.yaml", "--dri"], "rollmill: No such option: --dri"),
        (["curate", "none.yaml"], "rollmill: cannot read "),
        (["recipe", "check", "toy.yaml", "--set", "seed=-1"], "toy.yaml (--set): seed: input should be greater"),
        (["curate", "toy.yaml", "--set", "budget.options.cap=-1", "--direct"], "cap"),
        (["dataset", "show", "toy"], "no dataset 'toy': none is published yet. Next: rollmill curate RECIPE"),
        (["runs", "show"], "there are no runs here. Next: rollmill curate recipes/arithmetic.yaml"),
        (["runs", "show", "toy-1"], "there are no runs here. Next: rollmill curate"),
        (["schedule", "add", "toy.yaml", "--cron", "0 2 * *"], "cron '0 2 * *' needs five fields."),
        (["schedule", "add", "toy.yaml", "--cron", "0 99 * * *"], "cron '0 99 * * *':"),
        (["schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--timezone", "Mars/Base"], "no time zone 'Mars/Base'"),
        (["schedule", "pause", "toy"], "unknown schedule 'toy'"),
        (["select", "toy.yaml"], "no finished run drew rollouts for 'toy'"),
        (["-C", "nowhere", "runs", "list"], "no folder nowhere. Next: rollmill init nowhere"),
    ],
)
def test_a_mistake_is_one_line_and_status_two(toy: Path, rollmill: Run, arguments: list[str], message: str) -> None:
    result = rollmill(*arguments)
    assert result.status == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_outside_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    monkeypatch.chdir(tmp_path)
    result = rollmill("runs", "list")
    assert result.status == 2
    assert "is not in a Rollmill workspace" in result.err
    assert "Next: rollmill init" in result.err


def test_init_makes_a_workspace_with_a_recipe_and_is_idempotent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()  # a user's own repository: nothing is begun in it
    result = rollmill("init", "ws")
    assert result.status == 0
    assert f"the git repository {tmp_path} has no DVC: without `dvc init --subdir` here" in result.out
    assert not (tmp_path / "ws" / ".dvc").exists()
    recipe = tmp_path / "ws" / "recipes" / "arithmetic.yaml"
    assert (tmp_path / "ws" / "recipes" / "imported.yaml").exists()
    assert (tmp_path / "ws" / "recipes" / "code.yaml").exists()
    assert len([*(tmp_path / "ws" / "recipes").rglob("*.yaml")]) <= 12
    recipe.write_text(recipe.read_text() + "# mine\n")
    assert rollmill("init", "ws").status == 0
    assert recipe.read_text().endswith("# mine\n")
    assert rollmill("init", "other", "--dry-run").status == 0
    assert not (tmp_path / "other").exists()


def test_found_wanting_is_status_one(monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    def no(*_: object, **__: object) -> None:
        raise FoundWanting("the gate did not pass.\n  FAILED kept")

    monkeypatch.setattr("rollmill.flows.recipe.load.load_recipe", no)
    result = rollmill("recipe", "check", "x.yaml")
    assert (result.status, result.err) == (1, "rollmill: the gate did not pass.\n  FAILED kept\n")


def test_a_query_that_was_interrupted_is_no_bug(monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise RuntimeError("Query interrupted")  # what DuckDB makes of Ctrl-C

    monkeypatch.setattr("rollmill.flows.recipe.load.load_recipe", stopped)
    assert rollmill("recipe", "check", "x.yaml").status == 130


def test_a_bug_of_ours_raises(monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("rollmill.flows.recipe.load.load_recipe", bug)
    with pytest.raises(ZeroDivisionError, match="ours"):
        rollmill("recipe", "check", "x.yaml")


@pytest.mark.parametrize("files", [24, 48])
def test_too_few_files_are_said_before_anything_is_begun(files: int, ten_sums: Path) -> None:
    limited = [
        "bash",
        "-c",
        f'ulimit -n {files}; exec "$@"',
        "bash",
        sys.executable,
        "-m",
        "rollmill.flows.cli",
        "runs",
        "list",
    ]
    done = subprocess.run(
        limited, cwd=ten_sums, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr == (
        f"rollmill: this process may open {files} files at once, and 640 may be needed. Next: ulimit -n 640, as root or in "
        "the service's settings, then run the same command again\n"
    )


def test_a_low_limit_that_may_be_raised_is_raised(ten_sums: Path) -> None:
    limited = [
        "bash",
        "-c",
        'ulimit -S -n 24; exec "$@"',
        "bash",
        sys.executable,
        "-m",
        "rollmill.flows.cli",
        "runs",
        "list",
    ]
    done = subprocess.run(
        limited, cwd=ten_sums, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", [("dataset", "show"), ("dataset", "rebuild-index"), ("runs", "show"), ("recipe", "check")])
def test_a_name_of_any_length_is_a_line(verb: tuple[str, str], ten_sums: Path, rollmill: Run) -> None:
    said = rollmill(*verb, "a" * 100_000)
    assert said.status == 2
    assert said.err.startswith("rollmill: ")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(5, "Input/output error"), "the disk could not read or write a file (input/output error)."),
        (MemoryError(), "there was not enough memory"),
        (RuntimeError("can't start new thread"), "no further process or thread could be started"),
    ],
)
def test_what_the_machine_refuses_is_a_line(
    error: Exception, words: str, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("rollmill.flows.recipe.load.load_recipe", refused)
    said = rollmill("recipe", "check", "x.yaml")
    assert said.status == 2
    assert said.err.startswith(f"rollmill: {words}")


def test_help_imports_nothing_heavy() -> None:
    """What --help costs is imports; a list of what must stay out says more than a stopwatch."""
    heavy = ["prefect", "pyarrow", "duckdb", "sqlalchemy", "pandas", "onnxruntime", "great_expectations", "torch", "yaml"]
    code = (
        "import sys\nfrom rollmill.flows import cli\n"
        "cli.run(['curate', '--help'])\n"
        f"print('HEAVY', sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
