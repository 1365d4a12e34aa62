"""Predictions in five numbers, and their scores."""

import numpy as np
import pytest

from rollmill.stats import Prediction, prediction_of, score_prediction
from rollmill.stats.draws.predictions import interval_score


def test_the_five_numbers_are_order_statistics() -> None:
    found = prediction_of(list(range(1, 200)))
    numbers = (found.low95, found.low80, found.median, found.high80, found.high95)
    assert numbers == pytest.approx((5.0, 20.0, 100.0, 180.0, 195.0))


def test_a_prediction_beside_what_came() -> None:
    one = Prediction(100.0, 90.0, 110.0, 80.0, 120.0)
    held = score_prediction(one, 105.0)
    assert (held.error, held.inside80, held.inside95, held.score80, held.score95) == pytest.approx(
        (0.05, True, True, 20.0, 40.0)
    )
    missed = score_prediction(one, 130.0)
    assert (missed.inside80, missed.inside95) == (False, False)
    assert missed.score80 == 20.0 + 10.0 * 20.0
    assert missed.score95 == 40.0 + 40.0 * 10.0
    assert score_prediction(Prediction(0.0, 0.0, 1.0, 0.0, 1.0), 0.0).error is None


def test_the_believed_interval_scores_best() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=20_000)
    widths = [0.8, 1.2816, 1.8]
    means = [np.mean([interval_score(-w, w, float(x), alpha=0.2) for x in values]) for w in widths]
    assert means[1] < min(means[0], means[2])
