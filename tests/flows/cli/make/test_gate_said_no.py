"""A gate that says no: what to type next, and the rows that stand in the way opened without a published version."""

import json
import re
from pathlib import Path

import pytest

from tests.flows.conftest import Prepare, Run

pytestmark = pytest.mark.integration

# Leaves every third completion undecided, as a verifier does that lacks a tool.
UNSURE = """\
from rollmill.pipelines.verify.number import NumberVerifier
from dataclasses import replace


class Unsure(NumberVerifier):
    name = "unsure"

    def verify(self, problem, completion):
        found = super().verify(problem, completion)
        if completion.sample_index % 3:
            return found
        return replace(found, outcome="undecided", cause="the tool is not here", rule="no-tool")
"""

IMPORTED = """\
recipe_schema: 1
name: mine
problems:
  imported: mine
generate:
  engine: imported
verify:
  - method: number
budget:
  method: fixed
select:
  method: quota
  options: {per_problem: 4}
gate:
  min_kept: 7
"""


@pytest.fixture
def held_back(toy: Path, prepare: Prepare) -> Path:
    """A workspace whose only run stopped at its gate."""
    (toy / "unsure.py").write_text(UNSURE)
    recipe = (toy / "toy.yaml").read_text().replace("method: number", "method: unsure.py:Unsure")
    (toy / "toy.yaml").write_text(recipe)
    [result] = prepare(["curate", "toy.yaml", "--direct"])
    assert result.status == 1
    (toy / "said").write_text(result.err)
    return toy


def test_the_next_command_opens_a_row_that_stands_in_the_way(held_back: Path, rollmill: Run) -> None:
    text = (held_back / "said").read_text()
    assert "the gate did not pass; nothing is published." in text
    after = text.strip().splitlines()[-1]
    assert after.startswith("Next: rollmill dataset why toy-")
    assert "What was drawn and judged is kept: change the recipe and run it again." in text
    run, row = after.split()[-2:]
    why = rollmill("dataset", "why", run, row)
    assert why.status == 0, why.err
    assert "undecided by unsure" in why.out
    assert "cause the tool is not here" in why.out
    assert "decision dropped: undecided" in why.out
    assert why.out.rstrip().endswith("in no published version")
    outcome = json.loads(rollmill("dataset", "why", "toy", row, "--json").out)  # by the name of the dataset to be
    assert (outcome["version"], outcome["kind"], len(outcome["rollouts"])) == (f"run {run}", "completion", 1)
    problem = json.loads(rollmill("dataset", "why", run, outcome["problems"][0]["id"], "--json").out)
    assert problem["kind"] == "problem"
    assert len(problem["rollouts"]) == len(problem["decisions"]) >= 4


def test_runs_show_says_the_same_and_not_to_resume(held_back: Path, rollmill: Run) -> None:
    text = rollmill("runs", "show").out
    assert text.count("Next:") == 1
    assert text.strip().splitlines()[-1] == (held_back / "said").read_text().strip().splitlines()[-1]
    assert "undecided: expected at most 1.00% of rollouts" in text


def test_an_id_that_the_run_has_not(held_back: Path, rollmill: Run) -> None:
    run = json.loads(rollmill("runs", "list", "--json").out)[0]["run"]
    result = rollmill("dataset", "why", run, "0000000000")
    assert result.status == 2
    assert result.err.endswith(f"id begins with '0000000000'. Next: rollmill runs show {run}\n")
    assert "too short" in rollmill("dataset", "why", run, "000").err
    assert "no dataset 'nothing': none is published yet" in rollmill("dataset", "why", "nothing", "0000").err


def test_a_mended_recipe_publishes_and_draws_nothing(held_back: Path, rollmill: Run) -> None:
    result = rollmill("curate", "toy.yaml", "--direct", "--json", "--set", "gate.max_undecided=0.5")
    assert result.status == 0, result.err
    assert json.loads(result.out)["spent"]["drawn"] == 0
    row = json.loads(rollmill("runs", "list", "--json").out)[0]
    assert (row["status"], row["next"]) == ("done", None)


def test_funnel_rates_and_report_are_there_before_a_version(held_back: Path, rollmill: Run) -> None:
    for page in ((held_back / "said").read_text(), rollmill("runs", "show").out):
        assert "  problems            12   of 12 made; none dropped\n" in page
        assert re.search(r"\n    undecided +\d+ +\d+\.\d%\n  selected +\d+ +\d+\.\d%, published none\n", page)
        assert re.search(r"\n    all      \d\.\d{3}  \[", page)
    path = re.search(r"every check with its rows: (\S+\.html)", (held_back / "said").read_text())
    assert path is not None
    report = (held_back / path[1]).read_text()
    row = (held_back / "said").read_text().split()[-1]
    assert "not published" in report
    assert f"<code>{row}" in report


@pytest.mark.parametrize("gate", ["gate.min_kept=1000", "gate.level_shares={8: [0.5, 1]}"])
def test_where_no_row_is_named_one_that_was_dropped_can_be_opened(toy: Path, rollmill: Run, gate: str) -> None:
    result = rollmill("curate", "toy.yaml", "--direct", "--set", gate)
    assert result.status == 1
    run, row = result.err.split()[-2:]
    assert "decision dropped: incorrect" in rollmill("dataset", "why", run, row).out


def test_rollouts_imported_after_a_failed_gate_are_taken_by_the_same_command(toy: Path, rollmill: Run) -> None:
    rows = [{"question": f"What is {n} + {n}?", "answer": str(2 * n), "response": f"{2 * n}"} for n in range(8)]
    lines = [json.dumps(row) for row in rows]
    (toy / "a.jsonl").write_text("\n".join(lines[:5]))
    (toy / "b.jsonl").write_text("\n".join(lines))
    (toy / "mine.yaml").write_text(IMPORTED)
    assert rollmill("import", "problems", "b.jsonl", "--name", "mine").status == 0
    assert rollmill("import", "rollouts", "a.jsonl", "--name", "a", "--problems", "mine").status == 0
    assert rollmill("curate", "mine.yaml", "--direct").status == 1
    assert rollmill("import", "rollouts", "b.jsonl", "--name", "b", "--problems", "mine").status == 0
    result = rollmill("curate", "mine.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    first, second = [row["run"] for row in reversed(json.loads(rollmill("runs", "list", "--json").out))]
    assert (outcome["run"], outcome["funnel"]["kept"]) == (second, 8)
    assert f"its imports changed since run {first} (failed): this is run {second}" in outcome["messages"]
