"""A recipe whose sandbox cannot start: said by `recipe check`, and by the first program of a run, in one line each."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flows.conftest import ROOT, Run

pytestmark = pytest.mark.integration

PROBLEM = {"id": "a", "prompt": "Write add(a, b).", "entry_point": "add", "tests": ["assert add(1, 2) == 3"]}
ANSWER = {"problem_id": "a", "model": "m", "text": "```python\ndef add(a, b):\n    return a + b\n```"}


@pytest.fixture
def recipe(toy: Path, rollmill: Run) -> str:
    (toy / "problems.jsonl").write_text(json.dumps(PROBLEM) + "\n")
    (toy / "answers.jsonl").write_text(json.dumps(ANSWER) + "\n")
    shutil.copyfile(ROOT / "recipes" / "code.yaml", toy / "code.yaml")
    assert rollmill("import", "problems", "problems.jsonl", "--name", "humaneval").status == 0
    assert rollmill("import", "rollouts", "answers.jsonl", "--name", "a", "--problems", "humaneval").status == 0
    return "code.yaml"


def test_a_missing_sandbox_is_named_before_anything_is_judged(
    recipe: str, rollmill: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = rollmill("recipe", "check", recipe)
    assert result.status == 2
    assert "bubblewrap" in result.err
    assert "apt-get install" in result.err
    run = rollmill("curate", recipe, "--direct")
    assert run.status == 2
    assert "bubblewrap" in run.err
    assert "Traceback" not in run.err
    listed = json.loads(rollmill("runs", "list", "--json").out)
    assert "undecided" not in json.dumps(listed) or all(not row.get("undecided") for row in listed)


@pytest.mark.sandbox
def test_no_sandbox_has_to_be_said_in_so_many_words(
    recipe: str, rollmill: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    none = ("--set", 'verify=[{"method": "code", "options": {"sandbox": "none"}}]')
    assert rollmill("recipe", "check", recipe, *none).status == 0
    result = rollmill("curate", recipe, "--direct", "--json", *none)
    assert result.status == 0, result.err
    assert json.loads(result.out)["funnel"]["correct"] == 1
    wrong = rollmill("recipe", "check", recipe, "--set", 'verify=[{"method": "code", "options": {"sandbox": "off"}}]')
    assert wrong.status == 2
    assert "'sandbox' is 'off'. Valid: strict, shared, none." in wrong.err
