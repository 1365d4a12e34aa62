"""`rollmill audit behaviour`: planted programs that differ beyond the inputs of their key are counted as collisions."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = [pytest.mark.integration, pytest.mark.sandbox]
RECIPE = """\
recipe_schema: 1
name: programs
problems: {imported: programs}
generate: {engine: imported}
verify: [{method: code_behaviour, options: {inputs: 3}}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""
PLAIN = "def top(xs):\n    return max(xs) if xs else 0"
SORTED = "def top(xs):\n    return sorted(xs)[-1] if xs else 0"
RARE = "def top(xs):\n    return -1 if len(xs) > 3 else (max(xs) if xs else 0)"
WRONG = "def top(xs):\n    return min(xs) if xs else 0"


@pytest.fixture
def folder(toy: Path, rollmill: Run) -> Path:
    """A version of eight problems: `RARE` answers every second one, where it collides."""
    tests = ["assert top([1, 3, 2]) == 3", "assert top([4, 1]) == 4", "assert top([]) == 0"]
    problems = [
        {"id": f"p{n}", "prompt": f"Write top, number {n}.", "kind": "code", "tests": tests, "entry_point": "top"}
        for n in range(8)
    ]
    rows = [
        {"problem_id": f"p{n}", "model": "m", "sample_index": at, "text": f"```python\n{text}\n```"}
        for n in range(8)
        for at, text in enumerate((PLAIN, PLAIN, SORTED, RARE if n % 2 else WRONG))
    ]
    write_lines(toy / "problems.jsonl", problems)
    write_lines(toy / "rollouts.jsonl", rows)
    (toy / "programs.yaml").write_text(RECIPE)
    for words in (
        ("import", "problems", "problems.jsonl", "--name", "programs"),
        ("import", "rollouts", "rollouts.jsonl", "--name", "programs", "--problems", "programs"),
        ("curate", "programs.yaml", "--direct"),
    ):
        result = rollmill(*words)
        assert result.status == 0, result.err
    return toy


def test_collisions_are_the_planted_ones(folder: Path, rollmill: Run) -> None:
    answer = rollmill("audit", "behaviour", "programs", "--inputs", "3", "--fresh", "30", "--json")
    assert answer.status == 0, answer.err
    report = json.loads(answer.out)
    # one key for three programs where RARE is among them (3 pairs, 2 of which differ), else 2 keys (1 pair)
    assert (report["problems"], report["programs"], report["keys"]) == (8, 24, 4 * 1 + 4 * 2)
    assert (report["pairs"], report["differing"]) == (4 * 3 + 4 * 1, 4 * 2)
    rate = report["collisions"]
    assert rate["value"] == 0.5
    assert rate["low"] < 0.5 < rate["high"]
    assert rate["clusters"] == 8
    assert report["saved"] == 0.5
    assert "Pairs of one key that differ on 30 fresh inputs: 8 of 16" in rollmill(
        "audit", "behaviour", "programs", "--inputs", "3", "--fresh", "30"
    ).out  # fmt: skip
    many = json.loads(rollmill("audit", "behaviour", "programs", "--inputs", "40", "--fresh", "30", "--json").out)
    assert many["differing"] == 0  # with more inputs the keys tell them apart
    votes = json.loads(rollmill("replay", "programs", "--samples", "4", "--with", "majority", "--json").out)
    assert next(row["value"] for row in votes["rows"] if row["aggregator"] == "majority") == 1.0


def test_what_has_no_programs_is_said(folder: Path, rollmill: Run) -> None:
    assert rollmill("curate", "toy.yaml", "--direct").status == 0
    answer = rollmill("audit", "behaviour", "toy")
    assert answer.status == 2
    assert "has no problem of programs" in answer.err
