"""A code data set end to end: HumanEval imported, references and mutants as rollouts, judged in the sandbox, published."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.storage.queries import open_workspace
from tests.flows.conftest import ROOT, Run
from tests.shared_data import shared_data

pytestmark = [pytest.mark.sandbox, pytest.mark.data]


def rows(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("toy")
def test_humaneval(rollmill: Run) -> None:
    data = shared_data("humaneval.jsonl")
    script = [sys.executable, str(ROOT / "benchmarks" / "verifiers" / "code_rollouts.py"), str(data), "--mutants", "2"]
    subprocess.run(script, check=True, capture_output=True, env={"PYTHONPATH": str(ROOT)})
    answers = rows(Path("rollouts.jsonl").read_text())
    assert [sum(row["model"] == name for row in answers) for name in ("reference", "mutant")] == [82, 162]

    assert rollmill("import", "problems", str(data), "--name", "humaneval").status == 0
    assert rollmill("import", "rollouts", "rollouts.jsonl", "--name", "planted", "--problems", "humaneval").status == 0
    shutil.copyfile(ROOT / "recipes" / "code.yaml", "code.yaml")
    assert rollmill("recipe", "check", "code.yaml").status == 0
    result = rollmill("curate", "code.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    funnel = json.loads(result.out)["funnel"]
    assert (funnel["problems"], funnel["drawn"], funnel["unparsed"], funnel["undecided"]) == (82, 244, 0, 0)
    assert (funnel["correct"], funnel["incorrect"]) == (99, 145)

    assert rollmill("dataset", "verify", "code").status == 0
    assert rollmill("dataset", "export", "code", "--out", "sft.jsonl").status == 0
    reference = next(row for row in answers if row["problem_id"] == "HumanEval/2")
    assert json.dumps(reference["text"])[1:-1] in Path("sft.jsonl").read_text()
    with open_workspace(Path()) as view:
        [(wrong,)] = view.sql(
            "SELECT v.completion_id FROM verdicts v JOIN completions c ON c.id = v.completion_id "
            "WHERE v.cause = 'wrong_answer' AND v.value BETWEEN 0.5 AND 0.99 ORDER BY 1 LIMIT 1"
        ).fetchall()
    why = rollmill("dataset", "why", "code", wrong[:12])
    assert "incorrect by code 1+rules-" in why.out
    assert "\n    tests passed: " in why.out
    assert "failed (wrong_answer): candidate(" in why.out
