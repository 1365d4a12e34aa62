"""OrderMembership by order: p-values that are uniform under random orders, and a run that knows its own."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill.pipelines.train.measures.membership import OrderMembership, rank_correlation, word_rows, words_of
from tests.pipelines.train.student_files import SHIPPED, small_model


@pytest.mark.parametrize("skewed", [False, True])
def test_p_is_uniform_over_200_random_orders_whatever_the_gains(skewed: bool) -> None:
    from scipy.stats import kstest

    chance = np.random.default_rng(1)
    gains = chance.lognormal(3, 2, 400) if skewed else np.round(chance.normal(size=400))
    ps = [rank_correlation(chance.permutation(400), gains)[1] for _ in range(200)]
    assert kstest(ps, "uniform").pvalue > 0.01


def test_a_memoriser_that_forgets_knows_its_order() -> None:
    chance = np.random.default_rng(2)
    order = chance.permutation(3000)
    gains = chance.normal(size=3000) + np.exp((order - 3000) / 300) * 2
    rho, p = rank_correlation(order, gains)
    assert 0.1 < rho < 0.4
    assert p <= 1e-10
    assert rank_correlation(chance.permutation(3000), gains)[1] > 1e-3
    assert rank_correlation(order, np.zeros(3000)) == (0.0, 1.0)


def test_rows_of_words_differ_by_seed() -> None:
    words = words_of(SHIPPED)
    assert len(words) > 100
    assert word_rows(words, 2, 1) == word_rows(words, 2, 1)
    assert word_rows(words, 1, 1)[0]["completion"] != word_rows(words, 1, 2)[0]["completion"]


@pytest.mark.train
def test_the_smallest_form_measures_every_arm_once(tmp_path: Path) -> None:
    init = small_model(tmp_path / "init")
    bench = Bench(tmp_path / "study", models={"init": [StudyModel(init)]})
    measured = OrderMembership(rows=200, seeds=1).measure(bench)
    assert {name.partition(": ")[2] for name in measured.effects} == {"same", "derived", "other", ""}
    assert measured.effects["null p below .05"].n == 200
    shutil.rmtree(init)
    assert OrderMembership(rows=200, seeds=1).measure(bench).effects == measured.effects
    with pytest.raises(SetupError, match="begins with a model"):
        OrderMembership().measure(Bench(tmp_path))
