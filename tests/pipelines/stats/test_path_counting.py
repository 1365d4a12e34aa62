"""Path counting is unbiased at every p, by summing over all stopping points in exact fractions."""

from fractions import Fraction

import pytest
from scipy.special import beta

from pipelines.stats import path_counting_rate, path_counts, until_target
from pipelines.stats.path_counting import PathCounts

RATES = (Fraction(1, 50), Fraction(2, 5), Fraction(9, 10))


def mean(counts: PathCounts, p: Fraction, estimate) -> Fraction:
    return sum(
        (total * p**c * (1 - p) ** (n - c) * estimate(n, c, first, total) for (n, c), (first, total) in counts.items()),
        Fraction(0),
    )


@pytest.mark.parametrize(("target", "cap", "initial", "step"), [(4, 24, 1, 1), (4, 24, 8, 4), (1, 6, 1, 1), (3, 20, 5, 7)])
def test_unbiased_for_every_rule(target: int, cap: int, initial: int, step: int) -> None:
    counts = path_counts(until_target(target, cap, initial=initial, step=step), cap=cap)
    for p in RATES:
        assert mean(counts, p, lambda *_: 1) == 1
        assert mean(counts, p, lambda _n, _c, first, total: Fraction(first, total)) == p


def test_a_rule_that_doubles_its_rounds_is_unbiased_too() -> None:
    counts = path_counts(lambda n, c: 0 if c >= 3 or n >= 31 else n + 1, cap=31)
    assert mean(counts, RATES[1], lambda _n, _c, first, total: Fraction(first, total)) == RATES[1]


def test_plain_rate_of_the_pool_is_biased_upwards() -> None:
    """Over pass rates from Beta(.6, .9), mean .400: the mean of c/n is .435 and the pooled rate .157, by exact sums."""
    counts = path_counts(until_target(4, 64), cap=64)
    chances = {(n, c): total * beta(c + 0.6, n - c + 0.9) / beta(0.6, 0.9) for (n, c), (_, total) in counts.items()}
    assert sum(chances.values()) == pytest.approx(1)
    assert sum(w * c / n for (n, c), w in chances.items()) == pytest.approx(0.435, abs=5e-4)
    pooled = sum(w * c for (n, c), w in chances.items()) / sum(w * n for (n, c), w in chances.items())
    assert pooled == pytest.approx(0.157, abs=5e-4)
    assert sum(w * (path_counting_rate(n, c, counts) or 0) for (n, c), w in chances.items()) == pytest.approx(0.4)


def test_known_forms_at_the_target_and_at_the_cap() -> None:
    counts = path_counts(until_target(4, 64), cap=64)
    assert path_counting_rate(10, 4, counts) == 3 / 9
    assert path_counting_rate(64, 2, counts) == 2 / 64
    assert path_counting_rate(64, 0, counts) == 0.0
    assert path_counting_rate(4, 4, counts) == 1.0


def test_undefined_where_the_rule_does_not_stop() -> None:
    counts = path_counts(until_target(4, 64), cap=64)
    assert path_counting_rate(10, 3, counts) is None


def test_refuses_rules_that_never_draw_or_overdraw() -> None:
    with pytest.raises(ValueError, match="at most 8"):
        path_counts(lambda _n, _c: 5, cap=8)
    with pytest.raises(ValueError, match="at least once"):
        path_counts(lambda _n, _c: 0, cap=8)
    with pytest.raises(ValueError, match="positive"):
        until_target(0, 8)
