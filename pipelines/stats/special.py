"""Incomplete beta function and its inverse, and Student's t quantiles, in plain Python. Knows nothing of rates.

The continued fraction is that of Lentz (Press et al., Numerical Recipes 3rd ed., section 6.4); accurate to about 1e-13.
"""

import math
from functools import lru_cache

_TINY = 1e-300
_PRECISION = 1e-16
_MAX_TERMS = 20_000


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b) for a, b > 0."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - beta_cdf_tail(1.0 - x, b, a)
    return beta_cdf_tail(x, a, b)


def beta_cdf_tail(x: float, a: float, b: float) -> float:
    """I_x(a, b) by the continued fraction, which converges fast for x below the mean only."""
    log_front = a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)
    return math.exp(log_front) / a * _continued_fraction(x, a, b)


@lru_cache(maxsize=65_536)
def beta_quantile(q: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = q: Newton steps kept inside a shrinking bracket, so it cannot leave [0, 1]."""
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"a quantile needs 0 <= q <= 1, got {q}")
    if q in (0.0, 1.0):
        return q
    low, high = 0.0, 1.0
    x = a / (a + b)
    for _ in range(400):
        error = beta_cdf(x, a, b) - q
        low, high = (x, high) if error < 0.0 else (low, x)
        step = x - error / _density(x, a, b)
        new = step if low < step < high else _middle(low, high)
        if abs(new - x) <= 1e-15 * new or high - low <= _TINY:
            return new
        x = new
    return x


def t_quantile(q: float, degrees: float) -> float:
    """The q-quantile (0.5 <= q < 1) of Student's t, by its relation to the beta distribution."""
    if not 0.5 <= q < 1.0:
        raise ValueError(f"t_quantile needs 0.5 <= q < 1, got {q}")
    if q == 0.5:
        return 0.0
    x = beta_quantile(2.0 * (1.0 - q), degrees / 2.0, 0.5)
    return math.sqrt(degrees * (1.0 - x) / x)


def _middle(low: float, high: float) -> float:
    """Geometric far from zero's scale, so that quantiles like 1e-30 are reached in few halvings."""
    return math.sqrt(low * high) if low > 0.0 else high / 16.0


def _density(x: float, a: float, b: float) -> float:
    log_density = (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x) - _log_beta(a, b)
    return max(math.exp(min(log_density, 700.0)), _TINY)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    result = d
    for m in range(1, _MAX_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _away_from_zero(1.0 + term * d)
            c = _away_from_zero(1.0 + term / c)
            result *= c * d
        if abs(c * d - 1.0) < _PRECISION * 4:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
