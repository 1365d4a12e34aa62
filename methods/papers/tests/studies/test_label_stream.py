"""The annotator of a stream counted by hand, rewards that use finished labels alone, and the smallest form."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill_papers.studies.label_stream import Annotator, LabelStream, rewarded
from tests.pipelines.train.student_files import SHIPPED


def test_a_free_annotator_takes_the_newest_and_its_label_comes_later() -> None:
    annotator = Annotator(period=3)
    assert [annotator.arrives(item) for item in range(9)] == [None, None, None, 0, None, None, 3, None, None]
    assert annotator.labelled == [0, 3]


@pytest.mark.parametrize(("period", "labels"), [(1, 999), (4, 249), (10, 99)])
def test_the_number_of_labels_is_the_annotators_rate(period: int, labels: int) -> None:
    annotator = Annotator(period)
    for item in range(1000):
        annotator.arrives(item)
    assert len(annotator.labelled) == labels


def test_a_reward_knows_the_labels_that_were_finished_before_it_and_no_others() -> None:
    """The label of the first comes with the third arrival, and that of the third with the fifth."""
    keys = [("p", "a"), ("p", "b"), ("p", "a"), ("p", "a"), ("p", "b"), ("p", "c")]
    labels = np.asarray([1.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    found = rewarded(Annotator(2), keys, labels[:, None], labels, refresh=9, ridge=1.0)
    assert found["hash"].tolist() == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]
    assert found["mean"].tolist() == found["classifier"].tolist() == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]


def test_an_equal_text_has_its_label_and_another_one_the_mean() -> None:
    keys = [("p", "a"), ("p", "b"), ("p", "a"), ("p", "b"), ("p", "c"), ("q", "a")]
    labels = np.asarray([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    found = rewarded(Annotator(1), keys, labels[:, None], labels, refresh=9, ridge=1.0)
    assert found["hash"].tolist() == [0.5, 0.5, 1.0, 0.0, pytest.approx(2 / 3), 0.5]


def test_a_classifier_rewards_texts_that_the_table_has_not_seen() -> None:
    chance = np.random.default_rng(1)
    labels = chance.integers(0, 2, 400).astype(float)
    states = np.stack([labels + 0.3 * chance.normal(size=400), chance.normal(size=400)], axis=1)
    keys = [("p", str(number)) for number in range(400)]
    found = rewarded(Annotator(4), keys, states, labels, refresh=8, ridge=1.0)
    late = slice(200, 400)
    assert found["hash"][late].tolist() == found["mean"][late].tolist()
    assert np.mean((found["classifier"][late] > 0.5) == (labels[late] > 0.5)) > 0.9


@pytest.mark.train
def test_the_smallest_form_on_the_shipped_model(tmp_path: Path) -> None:
    bench = Bench(tmp_path, 1, {"init": [StudyModel(SHIPPED)]})
    measured = LabelStream(problems=8, samples=4, refresh=4, period=2).measure(bench)
    assert set(measured.effects) == {"gain of the hash", "gain of the classifier", "classifier - hash"}
    assert measured.table["share labelled"].value == 15 / 32
    assert all(row.low <= row.value <= row.high for row in measured.effects.values())
