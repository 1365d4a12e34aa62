"""`rollmill scaling`: a fit card from a file, predictions within reach, and points that it names as wrong."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Run
from tests.json_lines import write_lines
from tests.stats.scaling.test_power_law import FLOOR, A, B, measured

pytestmark = pytest.mark.integration


def test_a_file_becomes_a_fit_card_with_predictions(tmp_path: Path, rollmill: Run) -> None:
    file = tmp_path / "losses.csv"
    file.write_text("\n".join(["parameters,loss", *(f"{x},{y}" for x, y in measured(1))]))
    words = ("scaling", str(file), "--x", "parameters", "--y", "loss", "--at", "5e8", "--at", "1e12")
    report = json.loads(rollmill(*words, "--json").out)
    near, far = report["predictions"]
    assert near["low"] <= FLOOR + A * 5e8**-B <= near["high"]
    assert (far["value"], report["refused"]) == (None, [])
    assert "10 times the largest size" in far["why"]
    answer = rollmill(*words)
    assert "held-out error" in answer.out
    assert "loss at 1e+12: not predicted: " in answer.out
    assert (answer.status, answer.err) == (1, f"rollmill: the points of {file} support no prediction at 1 of 2 sizes.\n")
    assert rollmill(*words[:-2]).status == 0


def test_points_that_are_missing_are_named(tmp_path: Path, rollmill: Run) -> None:
    rows = [{"n": x, "loss": y} for x, y in measured(1)]
    short = write_lines(tmp_path / "short.jsonl", rows[:3])
    answer = rollmill("scaling", short, "--x", "n", "--y", "loss")
    assert "Refused: 3 different sizes; 6 are needed. Nothing is predicted." in answer.out
    assert (answer.status, answer.err) == (1, f"rollmill: the points of {short} support no prediction.\n")
    wrong = write_lines(tmp_path / "wrong.jsonl", [*rows, {"n": 5, "loss": "?"}])
    for words, message in (
        ((wrong, "--x", "n", "--y", "loss"), "line 15: loss is '?', not a positive number"),
        ((wrong, "--x", "size", "--y", "loss"), "line 1 has no column 'size'. Valid: loss, n"),
        ((write_lines(tmp_path / "none.jsonl", []), "--x", "n", "--y", "loss"), "has no rows"),
        ((str(tmp_path / "absent.csv"), "--x", "n", "--y", "loss"), "absent.csv"),
    ):
        answer = rollmill("scaling", *words)
        assert answer.status == 2
        assert message in answer.err
