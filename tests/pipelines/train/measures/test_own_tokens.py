"""Contexts of own tokens: targets stay, prompts stay, one digit is wrong, and what follows is read."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill.pipelines.train.measures.own_tokens import OwnTokens, mixed_context, with_wrong_digit
from rollmill.pipelines.train.rows import EncodedRow, TrainedText, TrainingRows
from rollmill.pipelines.train.token_batches import token_batch
from tests.pipelines.train.student_files import small_model


def test_own_tokens_are_context_and_never_targets() -> None:
    rows = [
        EncodedRow("a", "a", 1.0, (TrainedText([1, 2, 3, 4, 5], [2, 3, 4], 1),)),
        EncodedRow("b", "b", 1.0, (TrainedText([6, 7, 8], [1, 2], 1),)),
    ]
    batch = token_batch(TrainingRows(rows, {}), [0, 1])
    mixed = mixed_context(batch, np.arange(20, 25), np.ones(5, dtype=bool))
    assert mixed.targets.tolist() == batch.targets.tolist() == [3, 4, 5, 7, 8]
    assert mixed.ids[:, :4].tolist() == [[1, 2, 20, 21], [6, 23, 0, 0]]
    assert batch.ids[:, :4].tolist() == [[1, 2, 3, 4], [6, 7, 0, 0]]
    same = mixed_context(batch, np.arange(20, 25), np.zeros(5, dtype=bool))
    assert same.ids.tolist() == batch.ids.tolist()


def test_one_digit_of_the_first_half_is_wrong_and_the_rest_is_read() -> None:
    ids, places = with_wrong_digit(([9, 50, 51, 60, 52, 61, 53], [2, 3, 4, 5, 6]), range(50, 60), 1)
    assert ids[:2] == [9, 50]
    assert ids[2] in range(50, 60)
    assert ids[2] != 51
    assert (ids[3:], places) == ([60, 52, 61, 53], [3, 4, 5, 6])


@pytest.mark.train
def test_without_own_tokens_both_arms_are_one(tmp_path: Path) -> None:
    init = {"init": [StudyModel(small_model(tmp_path / "init"))]}
    equal = OwnTokens(rows=8, texts=4, steps=2, seeds=2, mix=0.0).measure(Bench(tmp_path / "equal", models=init))
    assert {effect.value for effect in equal.effects.values()} == {0.0}
    own = OwnTokens(rows=8, texts=4, steps=2, seeds=2, mix=1.0).measure(Bench(tmp_path / "own", models=init))
    assert {effect.value for effect in own.effects.values()} != {0.0}
