"""`rollmill card`: a planted failure in one intersection, numbers that SQL gives again, and a card that was altered."""

import json
from pathlib import Path

import pytest

from tests.flows.cli.look.test_leaderboard import BENCHMARKS, evaluated
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration
RECIPE = """\
recipe_schema: 1
name: sums
problems: {imported: sums}
generate: {engine: imported}
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""
DIGITS = (2, 3, 4)
PROBLEMS = 360  # of which 20 carry and have four digits


def planted(number: int) -> tuple[bool, int]:
    """Carry and digits of a problem: one in eighteen has both a carry and four digits."""
    if number % 18 == 0:
        return True, 4
    return (number % 3 == 0, DIGITS[number % 2]) if number % 3 == 0 else (False, DIGITS[number % 3])


@pytest.fixture
def sums(toy: Path, rollmill: Run) -> Path:
    """A run of a model that is right on four problems of five, and never on a carry with four digits."""
    problems, rollouts = [], []
    for number in range(PROBLEMS):
        carry, width = planted(number)
        groups = {"carry": carry, "digits": width}
        problems.append({"id": str(number), "prompt": f"What is {number} + 7?", "reference": str(number + 7), **groups})
        right = number % 5 != 1 and not (carry and width == 4)
        rollouts.append({"problem_id": str(number), "model": "m", "text": f"#### {number + 7 if right else 0}"})
    (toy / "sums.yaml").write_text(RECIPE)
    file, drawn = write_lines(toy / "p.jsonl", problems), write_lines(toy / "r.jsonl", rollouts)
    for words in (
        ("import", "problems", file, "--name", "sums"),
        ("import", "rollouts", drawn, "--name", "sums", "--problems", "sums"),
        ("curate", "sums.yaml", "--direct"),
    ):
        answer = rollmill(*words)
        assert answer.status == 0, answer.err
    return toy


def test_a_planted_failure_is_seen_in_the_intersection_alone(sums: Path, rollmill: Run) -> None:
    answer = rollmill("card", "make", "sums", "--by", "carry", "--by", "digits", "--out", "card.md", "--json")
    assert answer.status == 0, answer.err
    [part] = json.loads(answer.out)["benchmarks"]
    assert [row["mark"] for row in part["groups"]] == [""] * len(part["groups"])
    marked = [(row["group"], row["value"], row["problems"]) for row in part["intersections"] if row["mark"] == "below"]
    assert marked == [(["true", "4"], 0.0, 20)]
    assert sum(row["problems"] for row in part["intersections"]) == part["problems"] == PROBLEMS
    checked = rollmill("card", "check", "card.md")
    assert checked.status == 0, checked.err
    assert "numbers are derived again from sums" in checked.out


def test_a_card_of_an_evaluation_is_of_one_model_over_all_benchmarks(toy: Path, rollmill: Run) -> None:
    evaluated(toy, rollmill, "both", BENCHMARKS, {"good": 0.9, "poor": 0.2})
    answer = rollmill("card", "make", "both:poor", "--by", "level", "--by", "template", "--out", "card.md", "--json")
    assert answer.status == 0, answer.err
    card = json.loads(answer.out)
    assert [(part["benchmark"], part["problems"]) for part in card["benchmarks"]] == [("small", 24), ("large", 12)]
    rates = {row["benchmark"]: row for row in json.loads(rollmill("leaderboard", "both", "--json").out)["cells"]}
    assert [part["value"] for part in card["benchmarks"]] == [
        rates[part["benchmark"]]["value"] for part in card["benchmarks"]
    ]
    assert rollmill("card", "check", "card.md").status == 0
    several = rollmill("card", "make", "both", "--by", "level")
    assert several.status == 2
    assert "both:poor" in several.err


def test_an_altered_card_is_found_wanting(sums: Path, rollmill: Run) -> None:
    assert rollmill("card", "make", "sums", "--by", "digits", "--out", "card.json").status == 0
    card = json.loads((sums / "card.json").read_text())
    card["benchmarks"][0]["groups"][0]["value"] = 0.99
    (sums / "card.json").write_text(json.dumps(card))
    answer = rollmill("card", "check", "card.json")
    assert answer.status == 1
    assert "digits 2: value is 0.99, now " in answer.err
    for words, message in (
        (("check", "sums.yaml"), "sums.yaml is no card. Next: rollmill card make NAME --out FILE"),
        (("make", "sums", "--by", "colour"), "unknown group 'colour'"),
        (("make", "sums", "--by", "digits", "--by", "digits"), "a column is named twice"),
        (("make", "sum", "--by", "digits"), "unknown evaluation, dataset or run 'sum'"),
    ):
        refused = rollmill("card", *words)
        assert refused.status == 2
        assert message in refused.err
