"""Labelled lines, the best of N by a known score, and the smallest form on the shipped model."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill_papers.studies.process_reward import ProcessReward, best_of_n, labelled_lines
from tests.pipelines.train.student_files import SHIPPED


def test_a_line_is_labelled_by_its_calculation() -> None:
    problem = Problem("Q?", "7", template="t")
    rows = labelled_lines([problem], [[("2 + 3 = 5\nSo far 5.\n5 + 2 = 8\n#### 8", False)]])
    assert [(row["prefix"], row["line"], row["label"]) for row in rows] == [
        ("", "2 + 3 = 5", 1.0),
        ("2 + 3 = 5\nSo far 5.\n", "5 + 2 = 8", 0.0),
    ]


def test_a_score_that_knows_the_truth_finds_the_right_one_and_beats_the_majority() -> None:
    chance = np.random.default_rng(3)
    solutions, known, blind = [], [], []
    for _ in range(300):
        right = [chance.random() < 0.3 for _ in range(5)]
        solutions.append([(f"#### {1 if is_right else 2}", is_right) for is_right in right])
        known.append([float(is_right) for is_right in right])
        blind.append([0.5] * 5)
    gains = best_of_n(known, solutions)
    assert gains["best - random"].mean() == pytest.approx(1 - 0.7**5 - 0.3, abs=0.04)
    assert gains["best - majority"].mean() == pytest.approx(1 - 0.7**5 - 0.163, abs=0.04)
    assert best_of_n(blind, solutions)["best - random"] == pytest.approx(np.zeros(300))


@pytest.mark.train
def test_the_smallest_form(tmp_path: Path) -> None:
    bench = Bench(tmp_path, models={"init": [StudyModel(SHIPPED)]})
    measured = ProcessReward(problems=6, samples=3, levels=[8]).measure(bench)
    assert sorted(measured.effects) == ["auroc of lines less .5", "best - majority", "best - random"]
    assert -0.5 <= measured.effects["auroc of lines less .5"].value <= 0.5
