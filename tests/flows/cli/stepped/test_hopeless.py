"""`runs queue` and what adaptive budgets say of themselves on the command line, run for run through the real commands."""

import json
import re
from pathlib import Path

import pytest

from rollmill.flows.cli.runs_cost import rule_lines
from rollmill.metrics import NO_RATES
from rollmill.stats import rule_error_counts
from tests.flows.conftest import RECIPE, Prepare, Run

pytestmark = pytest.mark.integration

BUDGET = "  method: prop2diff\n  options: {initial: 4, target: 3, cap: 16}\n"


def recipe(toy: Path, name: str, budget: str, **changes: str) -> None:
    text = RECIPE.replace("name: toy", f"name: {name}").replace(BUDGET, budget)
    for old, new in changes.items():
        text = text.replace({"chance": "chance: 0.5", "kept": "min_kept: 10"}[old], new)
    (toy / f"{name}.yaml").write_text(text)


@pytest.fixture
def hopeless(toy: Path, prepare: Prepare) -> Path:
    """A run of a model that solves one completion in twenty, and is asked for three solutions within 16."""
    options = "{initial: 4, target: 3, cap: 16, hopeless: 0.3, explore: 0.4}"
    recipe(toy, "weak", f"  method: sequential\n  options: {options}\n", chance="chance: 0.05", kept="min_kept: 0")
    [result] = prepare(["curate", "weak.yaml", "--direct"])
    assert result.status == 0, result.err + result.out
    assert "hopeless" in result.out
    assert re.search(r"given up 12 problems; \d+ of them, at random, went on: 0 of \d+ that have ended met", result.out)
    return toy


def test_the_queue_says_who_was_given_up_and_why(hopeless: Path, rollmill: Run) -> None:
    result = rollmill("runs", "queue", "--json")
    outcome = json.loads(result.out)
    assert result.status == 0
    assert len(outcome["problems"]) == 12
    assert outcome["rule"]["stopped"] + outcome["rule"]["continued"] == 12
    row = next(row for row in outcome["problems"] if not row["continued"])
    assert (row["reason"], row["upper_by"]) == ("hopeless", "posterior")
    assert 0 < row["upper"] < 1
    shown = rollmill("runs", "queue", "--most", "2").out
    assert "12 hopeless problems" in shown
    assert "... and 10 more" in shown
    assert "given up 12 problems" in rollmill("runs", "show").out


def test_given_up_problems_that_a_spent_total_stopped_are_named() -> None:
    rule = rule_error_counts([("a", "continued"), ("a", "trial_cap"), ("b", "continued"), ("b", "budget")])
    assert rule_lines(rule) == [
        "given up 2 problems; 2 of them, at random, went on: 0 of 2 that have ended met their target, "
        "1 ended because the total was spent",
        "so 0.0% were given up wrongly, 95% interval [0.0%, 98.7%]",
    ]


def test_a_stronger_model_takes_the_queue(hopeless: Path, rollmill: Run) -> None:
    result = rollmill("runs", "queue", "--out", "hard.jsonl")
    assert "Next: rollmill import problems hard.jsonl --name hard" in result.out
    assert rollmill("import", "problems", "hard.jsonl", "--name", "hard").status == 0
    synthesized = "problems:\n  synthesize: toys.py:ToyProblems\n  count: 12\n"
    text = (hopeless / "toy.yaml").read_text().replace(synthesized, "problems: {imported: hard}\n")
    (hopeless / "strong.yaml").write_text(text.replace("name: toy", "name: strong").replace("chance: 0.5", "chance: 0.95"))
    outcome = json.loads(rollmill("curate", "strong.yaml", "--direct", "--json").out)
    assert outcome["funnel"]["problems"] == outcome["funnel"]["problems_solved"] == 12


def test_the_card_tells_how_the_rule_was_measured(hopeless: Path) -> None:
    [card] = (hopeless / "datasets" / "weak").glob("v1-*/README.md")
    assert "## Problems given up" in card.read_text()


def test_rates_of_a_stopped_run_are_counted_by_paths(toy: Path, rollmill: Run) -> None:
    recipe(toy, "paths", "  method: passuntil\n  options: {initial: 2, passes: 2, cap: 32}\n", kept="min_kept: 0")
    result = rollmill("curate", "paths.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    metrics = json.loads(result.out)["metrics"]
    assert metrics["prefix"] == 2
    counted = metrics["path_counting"]
    assert counted["overall"]["problems"] == 12
    assert counted["overall"]["low"] < 0.5 < counted["overall"]["high"]
    assert set(counted["levels"]) == set(metrics["levels"])
    assert "By path counting over all draws" in rollmill("curate", "paths.yaml", "--direct").out


def test_the_frontier_is_in_the_summary(toy: Path, rollmill: Run) -> None:
    options = "{value: 0.5, confidence: 0.8, probe: 4, cap: 8}"
    recipe(toy, "search", f"  method: frontier\n  options: {options}\n", chance="chance: 0.95", kept="min_kept: 0")
    result = rollmill("curate", "search.yaml", "--direct")
    assert result.status == 0, result.err
    assert "frontier     pass rate at least 0.5 up to level 3 (80% interval 3 to 3)" in result.out
    assert NO_RATES in result.out
