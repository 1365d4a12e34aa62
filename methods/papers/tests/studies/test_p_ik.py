"""The linear head where the truth is known, and P(IK) of the shipped model at its smallest."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill.stats.linear_head import trained_head
from rollmill_papers.studies.p_ik import PIk
from tests.pipelines.train.student_files import SHIPPED


def test_a_head_on_soft_targets_finds_the_true_probabilities() -> None:
    chance = np.random.default_rng(1)
    states = chance.normal(size=(4000, 3))
    truth = 1 / (1 + np.exp(-(0.5 + states @ np.array([2.0, -1.0, 0.0]))))
    targets = chance.binomial(8, truth) / 8
    head = trained_head(states, targets, 1e-3)
    unseen = chance.normal(size=(500, 3))
    expected = 1 / (1 + np.exp(-(0.5 + unseen @ np.array([2.0, -1.0, 0.0]))))
    assert np.abs(head(unseen) - expected).max() < 0.05
    flat = trained_head(states, np.full(4000, 0.25), 1.0)
    assert flat(unseen) == pytest.approx(np.full(500, 0.25), abs=1e-3)


@pytest.mark.train
def test_the_smallest_form_draws_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path, models={"init": [StudyModel(SHIPPED)]})
    measured = PIk(problems=8, samples=2, levels=[1, 8]).measure(bench)
    assert {name.partition(":")[0] for name in measured.effects} == {
        "auroc less .5", "gain in squared error", "rise of the error", "rise by a hint",
    }  # fmt: skip
    monkeypatch.setattr("rollmill_papers.studies.probes.request_for", None)
    assert PIk(problems=8, samples=2, levels=[1, 8]).measure(bench).effects == measured.effects
