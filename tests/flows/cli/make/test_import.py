"""`rollmill import` as typed: what it prints, what it stores, and mistakes in one line."""

import json
from pathlib import Path

import pytest

from rollmill.storage.queries import open_workspace
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

PROBLEMS = '{"id": "a", "question": "2+2?", "answer": "4", "note": "n"}\n{"id": "b", "question": "3+3?", "answer": "6"}\n'
ROLLOUTS = "problem_id,model,response,is_correct\na,m,It is 4.,true\nb,m,It is 7.,false\n"


def workspace(folder: Path, rollmill: Run) -> Path:
    assert rollmill("-C", str(folder), "init", "--bare").status == 0
    (folder / "problems.jsonl").write_text(PROBLEMS, encoding="utf-8")
    (folder / "rollouts.csv").write_text(ROLLOUTS, encoding="utf-8")
    return folder


def test_problems_then_rollouts_then_again(tmp_path: Path, rollmill: Run) -> None:
    at = ("-C", str(workspace(tmp_path, rollmill)), "import")
    result = rollmill(*at, "problems", "problems.jsonl", "--name", "sums", "--set", "licence=MIT")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines() == [
        "problems.jsonl: 2 rows",
        "  problems             2 new          0 already stored",
        "  columns      id        id (in 2 rows)",
        "               question  prompt (in 2 rows)",
        "               answer    reference (in 2 rows)",
        "               note      kept in meta (in 1 row)",
        "  every row    licence = 'MIT'",
        "Next: rollmill recipe new sums --problems sums, then rollmill curate recipes/sums.yaml",
        "      or rollmill import rollouts FILE --name NAME --problems sums",
    ]
    result = rollmill(*at, "rollouts", "rollouts.csv", "--name", "m", "--problems", "sums", "--json")
    assert json.loads(result.out)["completions"] == {"new": 2, "already": 0}
    result = rollmill(*at, "rollouts", "rollouts.csv", "--name", "m", "--problems", "sums")
    assert result.out.splitlines()[1] == "  completions          0 new          2 already stored"
    assert result.out.splitlines()[-2:] == [
        "  nothing new: everything was already stored",
        "Next: rollmill recipe new m --problems sums, then rollmill curate recipes/m.yaml",
    ]
    with open_workspace(tmp_path) as ws:
        assert ws.rollouts().select("external_id, label").fetchall() == [("a", True), ("b", False)]


def test_a_dry_run_shows_mapping_and_samples_and_stores_nothing(tmp_path: Path, rollmill: Run) -> None:
    at = ("-C", str(workspace(tmp_path, rollmill)), "import")
    result = rollmill(*at, "problems", "problems.jsonl", "--name", "sums", "--dry-run")
    lines = result.out.splitlines()
    assert lines[1] == "  problems             2 would be new          0 already stored"
    assert '    prompt         "2+2?"' in lines
    assert '    meta           "{\\"note\\":\\"n\\"}"' in lines
    assert lines[-1] == "  nothing was stored (--dry-run)"
    with open_workspace(tmp_path) as ws:
        assert ws.problems().fetchall() == []


def test_mistakes_are_one_line_and_status_two(tmp_path: Path, rollmill: Run) -> None:
    at = ("-C", str(workspace(tmp_path, rollmill)), "import")
    result = rollmill(*at, "problems", "problems.jsonl", "--name", "sums", "--map", "prompt")
    assert (result.status, result.err) == (
        2,
        "rollmill: --map 'prompt' is not of the form FIELD=VALUE. Next: rollmill import problems --help\n",
    )
    result = rollmill(*at, "rollouts", "rollouts.csv", "--name", "m")
    assert result.status == 2
    assert result.err.count("\n") == 1
    assert "does not carry its problems" in result.err
    assert result.err.endswith("Next: rollmill import rollouts rollouts.csv --name m --problems NAME\n")


def test_without_a_workspace_the_next_command_is_init(tmp_path: Path, rollmill: Run) -> None:
    (tmp_path / "p.jsonl").write_text(PROBLEMS, encoding="utf-8")
    result = rollmill("-C", str(tmp_path), "import", "problems", "p.jsonl", "--name", "sums")
    assert result.status == 2
    assert result.err.endswith("Next: rollmill init\n")


def test_faults_are_told_and_set_aside(tmp_path: Path, rollmill: Run) -> None:
    folder = workspace(tmp_path, rollmill)
    (folder / "bad.jsonl").write_text('{"prompt": "1+1?", "answer": "2"}\n{"prompt": "x"}\n{bad\n')
    given = ("-C", str(folder), "import", "problems", "bad.jsonl", "--name", "some")
    dry = rollmill(*given, "--dry-run")
    assert (dry.status, "2 rows of bad.jsonl have faults; nothing was stored." in dry.err) == (1, True)
    assert "  fault        1 rows: there is no reference answer (and no tests)\n               line 2\n" in dry.out
    aside = rollmill(*given, "--set-aside", "aside.jsonl")
    assert (aside.status, "  set aside    2 rows written to aside.jsonl" in aside.out) == (0, True)
    assert len((folder / "aside.jsonl").read_text().splitlines()) == 2
