"""The law of coverage: found again where it holds, refused where it does not, its predictions covered."""

import numpy as np
import pytest

from rollmill.stats.clusters.cluster_table import cluster_table
from rollmill.stats.draws.coverage_law import CoverageFit, fit_coverage
from rollmill.stats.draws.subsets import pass_at_ks

KS = [1, 2, 4, 8, 16, 32, 64, 128]


def fitted(rates: np.ndarray, rng: np.random.Generator, resamples: int = 100) -> CoverageFit:
    correct = rng.binomial(KS[-1], rates)
    return fit_coverage(cluster_table(pass_at_ks(KS[-1], correct, KS)), KS, resamples=resamples)


def test_an_exact_law_is_found_again() -> None:
    values = np.exp(-2.0 * np.asarray(KS) ** -0.4)
    card = fit_coverage(cluster_table(np.tile(values, (50, 1))), KS, resamples=20)
    assert (card.a, card.b) == pytest.approx((-2.0, -0.4))
    assert card.misfit < 1e-9
    assert card.refused == ()
    assert list(card.exponents.values()) == pytest.approx([-0.4] * 4)


def test_a_curve_of_beta_rates_fits_and_foresees_four_times_its_length() -> None:
    rng = np.random.default_rng(0)
    grid = rng.beta(0.35, 3, size=400_000)
    truth, held = float(np.mean(1 - (1 - grid) ** 512)), 0
    for _ in range(20):
        card = fitted(rng.beta(0.35, 3, size=300), rng)
        assert card.misfit < 0.03
        found = card.predict(512)
        held += found.low <= truth <= found.high
    assert held >= 17
    assert set(card.exponents) >= {"weights 1 / (c (1 - c))", "smaller half of k"}
    assert card.b_interval[0] < card.b < card.b_interval[1] < 0


def test_a_ceiling_below_1_is_refused() -> None:
    """Three in ten are solved half the time, the others never: the law would promise all of them."""
    rng = np.random.default_rng(1)
    card = fitted(np.where(rng.random(2000) < 0.3, 0.5, 0.0), rng)
    assert any("misses the point" in why for why in card.refused)
    with pytest.raises(ValueError, match="no prediction: the curve misses"):
        card.predict(256)


def test_a_late_rise_that_the_early_points_do_not_show_is_refused() -> None:
    rng = np.random.default_rng(2)
    card = fitted(np.where(rng.random(4000) < 0.2, 0.4, 0.01), rng)
    assert any("it errs by" in why or "misses" in why for why in card.refused)


@pytest.mark.parametrize("rates", [np.zeros(30), np.ones(30)])
def test_all_or_nothing_is_no_curve(rates: np.ndarray) -> None:
    card = fitted(rates, np.random.default_rng(0))
    assert card.refused == ("fewer than 4 points of rising coverage strictly between 0 and 1",)
    with pytest.raises(ValueError, match="no prediction"):
        card.predict(2)


def test_no_prediction_is_made_far_beyond_the_curve() -> None:
    rng = np.random.default_rng(3)
    card = fitted(rng.beta(0.35, 3, size=300), rng)
    with pytest.raises(ValueError, match="16 times the largest k"):
        card.predict(16 * 128 + 1)
    near, far = card.predict(256), card.predict(2048)
    assert near.low < near.value < near.high
    assert far.value > near.value
