"""Quality of graded scores: constant grades, missing ones, and kappa by hand."""

import numpy as np
import pytest

from rollmill.stats import constant_grades, graded_quality
from rollmill.stats.verifiers.graded_quality import weighted_kappa

UNIFORM = [0.0, 1.0, 2.0] * 60


def test_the_constant_grade_of_one_reaches_two_thirds_on_uniform_grades() -> None:
    baselines = constant_grades(UNIFORM, 2)
    assert {grade: round(of.quality.value, 4) for grade, of in baselines.items()} == {0: 0.5, 1: 0.6667, 2: 0.5}
    assert baselines[1].within_one.value == 1.0
    assert baselines[1].exact.value == pytest.approx(1 / 3)
    assert baselines[1].kappa == 0.0


def test_quality_by_hand() -> None:
    quality = graded_quality([0, 2, None, 5], [0, 0, 2, 4], 4)
    assert quality is not None
    assert quality.quality.value == pytest.approx((1 + 0.5 + 0 + 1) / 4)  # a grade above the largest is the largest
    assert quality.exact.value == 0.5
    assert quality.within_one.value == 0.5
    assert quality.kappa == weighted_kappa([(0, 0), (2, 0), (4, 4)])
    assert quality.missing == 1
    assert graded_quality([], [], 2) is None


def test_kappa_is_one_for_agreement_and_about_zero_for_noise() -> None:
    assert weighted_kappa([(0.0, 0.0), (2.0, 2.0)]) == 1.0
    assert weighted_kappa([(0.0, 2.0), (2.0, 0.0)]) == -1.0
    assert weighted_kappa([(1.0, 1.0)]) is None
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 3, (4_000, 2)).astype(float)
    kappa = weighted_kappa([(float(a), float(b)) for a, b in noise])
    assert kappa == pytest.approx(0.0, abs=0.05)


def test_the_interval_of_quality_covers_over_clusters() -> None:
    generator, covered = np.random.default_rng(4), 0
    for _ in range(300):
        effects = generator.uniform(0.2, 0.8, 25)
        exact = generator.random((25, 8)) < effects[:, None]
        given = [1.0 if hit else 0.0 for hit in exact.ravel()]
        quality = graded_quality(given, [1.0] * 200, 1, [place // 8 for place in range(200)])
        assert quality is not None
        covered += quality.exact.low <= 0.5 <= quality.exact.high
    assert covered >= 0.91 * 300
