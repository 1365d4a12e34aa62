"""Trials of students that exist: disjoint and random ones, false alarms of equal arms, planted effects."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.numbers.real_students import (
    MEASURES,
    SAMPLES,
    Students,
    alarm_table,
    alarms,
    deviations,
    planned,
    power_table,
    read,
    rows_with_errors,
    splits,
)


def students(count: int, rate: float, seed: int, spread: float = 0.0) -> Students:
    """Students whose chances differ by problem, and by student with this deviation."""
    chance = np.random.default_rng(seed)
    easy = np.random.default_rng(9).uniform(-0.2, 0.2, 40)
    rates = np.clip(rate + easy + spread * chance.normal(size=(count, 1)), 0.01, 0.99)
    logprobs = easy - rate + spread * chance.normal(size=(count, 1)) + 0.01 * chance.normal(size=(count, 40))
    return Students(chance.binomial(SAMPLES, rates).astype(float), logprobs, ["t"] * 40)


def test_disjoint_trials_share_no_student_and_random_ones_have_distinct_arms() -> None:
    disjoint = list(splits(20, 3, 0))
    assert [one + other for one, other in disjoint] == [list(range(at, at + 6)) for at in (0, 6, 12)]
    assert all(len({*one, *other}) == 6 for one, other in splits(20, 3, 50))


@pytest.mark.integration
def test_equal_arms_are_seldom_called_different_and_a_planted_effect_is_found() -> None:
    equal = students(60, 0.5, 1, spread=0.05)
    for measure in MEASURES:
        wrong, trials = alarms(equal, measure, 3, 300)
        assert wrong / trials < 0.09
    assert alarms(equal, MEASURES[0], 3, 0)[1] == 10
    worse = students(60, 0.2, 2, spread=0.05)
    shown = power_table(equal, worse, "0.3").splitlines()[2].split("|")
    assert float(shown[4]) == pytest.approx(-0.3, abs=0.05)
    assert float(shown[7]) > 0.7
    assert planned(equal, worse, 5, MEASURES[0]).detectable < planned(equal, worse, 3, MEASURES[0]).detectable
    assert len(alarm_table(equal).splitlines()) == 6


def test_the_noise_of_draws_is_no_difference_of_students() -> None:
    _, alike = deviations(students(400, 0.5, 3), MEASURES[0])
    _, apart = deviations(students(400, 0.5, 3, spread=0.1), MEASURES[0])
    assert alike < 0.02
    assert apart == pytest.approx(0.1, abs=0.02)


def test_a_share_of_rows_ends_with_another_number() -> None:
    right, wrong = rows_with_errors(0.0), rows_with_errors(0.3)
    changed = sum(one != other for one, other in zip(right, wrong, strict=True))
    assert 0.2 < changed / len(right) < 0.4
    assert all(one["prompt"] == other["prompt"] for one, other in zip(right, wrong, strict=True))


def test_students_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "students-0.jsonl"
    row = {"seed": 0, "correct": [4, 0], "logprobs": [-0.1, -0.2], "templates": ["a", "b"]}
    path.write_text(json.dumps(row) + "\n" + json.dumps({**row, "seed": 1}) + "\n")
    found = read(path)
    assert found.measure(MEASURES[0]).tolist() == [[1.0, 0.0]] * 2
    assert found.templates == ["a", "b"]
