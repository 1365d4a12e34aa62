"""The incomplete beta function, its inverse and t quantiles against scipy, over twelve decades of parameters."""

import random

import pytest
from scipy import special, stats

from pipelines.stats.special import beta_cdf, beta_quantile, t_quantile

PARAMETERS = (0.05, 0.5, 1.0, 2.5, 64.5, 1000.0, 20_000.0)


def test_beta_cdf_agrees_with_scipy() -> None:
    rng = random.Random(1)
    for a in PARAMETERS:
        for b in PARAMETERS:
            for x in (1e-12, rng.random(), a / (a + b), 1 - 1e-9):
                assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-10)


def test_beta_quantile_agrees_with_scipy() -> None:
    for a in PARAMETERS:
        for b in PARAMETERS:
            for q in (0.001, 0.025, 0.5, 0.975):
                assert beta_quantile(q, a, b) == pytest.approx(stats.beta.ppf(q, a, b), rel=1e-8, abs=1e-250)


def test_t_quantile_agrees_with_scipy() -> None:
    for degrees in (1, 2, 2.5, 7, 30, 1000):
        for q in (0.6, 0.95, 0.975, 0.9995):
            assert t_quantile(q, degrees) == pytest.approx(stats.t.ppf(q, degrees), rel=1e-9)
    assert t_quantile(0.5, 3) == 0.0


def test_ends_and_refusals() -> None:
    assert (beta_quantile(0.0, 2, 3), beta_quantile(1.0, 2, 3)) == (0.0, 1.0)
    assert (beta_cdf(-1.0, 2, 3), beta_cdf(2.0, 2, 3)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="0 <= q <= 1"):
        beta_quantile(1.5, 2, 3)
    with pytest.raises(ValueError, match=r"0\.5 <= q < 1"):
        t_quantile(0.1, 3)
