"""Ranked probabilities where they are known, and a bandit in which rewards move probability to rank 1."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyAnswers, StudyModel
from rollmill.pipelines.train.measures.ranks import Ranks, correlation, ranked, uncertain_places
from rollmill.pipelines.train.measures.reading import ReadingModel, log_softmax
from rollmill.stats import ArmCounts
from tests.pipelines.train.student_files import small_model


def test_probabilities_are_sorted_place_by_place() -> None:
    logps = np.log([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert ranked(logps, 2) == pytest.approx([0.6, 0.25])
    assert np.isnan(ranked(logps[:0], 2)).all()
    sure, doubtful = np.log([[0.98, 0.01, 0.01]]), np.log([[0.4, 0.3, 0.3]])
    chosen = uncertain_places([np.vstack([sure, doubtful]), sure], 0.3)
    assert [list(places) for places in chosen] == [[False, True], [False]]


def test_correlation_has_fishers_interval() -> None:
    found = correlation(np.arange(10.0), np.arange(10.0) ** 2, "x")
    assert found.value == pytest.approx(0.9626907)
    assert 0.8 < found.low < found.value < found.high < 1
    assert correlation(np.ones(9), np.arange(9.0), "x").low == -1.0


def test_rewards_move_a_bandits_probability_to_rank_1_and_an_update_shared_by_the_top_3_does_not() -> None:
    """The expected policy gradient on ten actions, of which the first three are right; SimKO's idea shares it."""
    right = np.array([1.0] * 3 + [0.0] * 7)
    alone = np.array([1.0, 0.5, 0.3, 1.0, 0.5, 0, 0, 0, 0, 0])
    shared = alone.copy()
    before = ranked(log_softmax(alone)[None], 3)

    def gain(logits: np.ndarray) -> np.ndarray:
        p = np.exp(log_softmax(logits))
        return np.asarray(p * (right - p @ right))

    for _ in range(4_000):
        alone += 0.1 * gain(alone)
        pushed = gain(shared)
        shared += 0.1 * np.where(right == 1, pushed[right == 1].mean(), pushed)
    sure, spread = ranked(log_softmax(alone)[None], 3), ranked(log_softmax(shared)[None], 3)
    assert before == pytest.approx([0.180, 0.180, 0.109], abs=0.001)
    assert sure == pytest.approx([0.992, 0.003, 0.002], abs=0.001)
    assert spread == pytest.approx([0.473, 0.287, 0.235], abs=0.001)


@pytest.mark.train
def test_larger_logits_move_probability_to_rank_1_of_a_model(tmp_path: Path) -> None:
    from rollmill.pipelines.train.export import to_safetensors
    from rollmill.pipelines.train.llama_folder import LlamaFolder

    flat, sharp = small_model(tmp_path / "flat"), small_model(tmp_path / "sharp")
    model = LlamaFolder.open(sharp)
    model.weights["model.norm.weight"] = model.weights["model.norm.weight"] * 3
    (sharp / "model.safetensors").write_bytes(to_safetensors(model.weights))
    models = {"flat": [StudyModel(flat)], "sharp": [StudyModel(sharp)]}
    counts = {arm: ArmCounts([[4, 4]], [[2, right]]) for arm, right in (("flat", 4), ("sharp", 0))}
    measure = Ranks(texts=6, levels=[1], share=0.5, k=4)
    found = measure.measure(Bench(tmp_path, models=models, answers=lambda: StudyAnswers(counts)))
    change = found.effects["rank 1: sharp - flat"]
    assert change.low > 0.0
    reading = ReadingModel.open(flat)
    texts = [reading.encoded("What is 2 plus 3?", "2 + 3 = 5")]
    (logps,) = reading.logps(texts)
    tripled = log_softmax(3 * next(iter(reading.states(texts))) @ reading.model.weights["model.embed_tokens.weight"].T)
    (own,) = ReadingModel.open(sharp).logps(texts)
    assert own == pytest.approx(tripled, abs=1e-4)
    assert ranked(own, 1)[0] > ranked(logps, 1)[0]
    assert found.effects["pass@4: sharp - flat"].value == -0.5
    assert found.effects["correlation of rank 1 and pass@4"].n == 2
