"""Repeated evaluations: a model that got worse is told once it is shown, one that did not is not, and looks are spent."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

EVALUATION = """\
evaluation_schema: 1
name: nightly
seed: 3
samples: 4
benchmarks: [{name: sums, imported: sums}]
models: [{name: m, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.9}}]
metrics: [{metric: pass@k, ks: [1]}]
alert: {looks: 2}
"""


@pytest.fixture
def nightly(toy: Path, rollmill: Run) -> Path:
    """24 problems without a template: each is a cluster of its own."""
    rows = [{"prompt": f"What is {n} + {n + 1}?", "reference": str(2 * n + 1)} for n in range(1, 25)]
    write_lines(toy / "sums.jsonl", rows)
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    (toy / "nightly.yaml").write_text(EVALUATION)
    return toy


def evaluated(rollmill: Run, *arguments: str, status: int = 0) -> dict[str, Any]:
    result = rollmill("evaluate", "nightly.yaml", "--json", *arguments)
    assert result.status == status, result.err
    [row] = json.loads(result.out)["alerts"]
    return {**row, "said": result.err}


def test_a_drop_is_told_and_a_redraw_of_the_same_model_is_not(nightly: Path, rollmill: Run) -> None:
    assert evaluated(rollmill)["why"] == "it is the first evaluation"
    again = evaluated(rollmill, "--redraw", "1")
    assert (again["look"], again["looks"], again["level"], again["alert"]) == (1, 2, 0.025, False)
    assert again["low"] < 0 < again["high"]

    fallen = evaluated(rollmill, "--set", "models.0.options.chance=0.2", status=1)
    assert (fallen["look"], fallen["alert"]) == (2, True)
    assert fallen["high"] < 0
    assert fallen["p_corrected"] < fallen["level"]
    assert "sums x m: fell, -0." in fallen["said"]
    assert f"Next: rollmill compare {again['after']} {fallen['after']}" in fallen["said"]
    report = (nightly / "reports" / "nightly" / "report.md").read_text()
    assert "## Since the evaluation before\n\n- sums x m: fell, -0." in report
    assert fallen["after"] not in report
    same = evaluated(rollmill, "--set", "models.0.options.chance=0.2", status=1)
    assert {**same, "said": fallen["said"]} == fallen  # nothing new was drawn: it is the same look

    spent = evaluated(rollmill, "--redraw", "2")
    assert spent["why"] == "all 2 looks are spent (alert.looks)"


def test_a_small_drop_that_does_not_matter_is_no_alert(nightly: Path, rollmill: Run) -> None:
    evaluated(rollmill)
    fallen = evaluated(rollmill, "--set", "models.0.options.chance=0.2", "--set", "alert.least=0.95")
    assert (fallen["alert"], fallen["high"] < 0) == (False, True)
    result = rollmill("evaluate", "nightly.yaml", "--set", "alert.looks=0")
    assert (result.status, "looks" in result.err) == (2, True)
