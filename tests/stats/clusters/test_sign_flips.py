"""Sign flips against every pattern, the interval against the test that it inverts, and their error of the first kind."""

from itertools import product
from random import Random

import numpy as np
import pytest

from rollmill.stats.clusters.sign_flips import sign_flips


def p_by_patterns(sums: list[tuple[float, int]], mean: float) -> float:
    """The share of all patterns of signs that leave a sum at least as far from 0 as what was seen."""
    rest = [total - mean * size for total, size in sums]
    far = [
        abs(sum(sign * one for sign, one in zip(signs, rest, strict=True))) for signs in product((1, -1), repeat=len(rest))
    ]
    return float(np.mean([one >= abs(sum(rest)) - 1e-12 for one in far]))


def test_p_equals_every_pattern_of_signs_at_every_mean() -> None:
    for seed in range(40):
        rng = Random(seed)
        sums = [(rng.choice([-1.5, 0.0, 0.25, 1.0, rng.random()]), rng.choice([1, 2, 5])) for _ in range(rng.randint(2, 8))]
        found = sign_flips(sums)
        assert found.ways == 2 ** (len(sums) - 1)
        for mean in (0.0, found.mean, -0.3, 0.2, 1.1):
            assert found.p(mean) == pytest.approx(p_by_patterns(sums, mean))


@pytest.mark.parametrize("clusters", [7, 9, 14, 15, 40])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_interval_holds_what_the_test_does_not_reject(clusters: int, confidence: float) -> None:
    rng = np.random.default_rng(clusters)
    sums = list(zip(rng.normal(0.3, 1.0, clusters).tolist(), rng.integers(1, 9, clusters).tolist(), strict=True))
    found = sign_flips(sums, draws=999)
    low, high = found.bounds(confidence)
    for inside, outside in ((low, low - 1e-6), (high, high + 1e-6)):
        assert found.p(inside) > 1.0 - confidence >= found.p(outside) - 1e-12


def test_too_few_clusters_to_show_anything_have_no_bounds() -> None:
    assert sign_flips([(1.0, 1)] * 5).p() == 1 / 16
    assert sign_flips([(1.0, 1), (2.0, 1)]).bounds(0.95) == (-np.inf, np.inf)


def test_many_clusters_are_flipped_at_random_and_never_give_zero() -> None:
    assert sign_flips([(1.0, 1)] * 40, draws=999).p() == 1 / 1000
    rng = np.random.default_rng(0)
    sums = [(value, 1) for value in rng.normal(0.2, 1.0, size=14).round(2).tolist()]
    exact, sampled = sign_flips(sums), sign_flips([*sums, (1e-9, 1)])
    assert (exact.ways, sampled.ways) == (2**13, 10_000)
    assert sampled.p() == pytest.approx(exact.p(), abs=0.02)
    assert sampled.bounds(0.95) == pytest.approx(exact.bounds(0.95), abs=0.06)


def test_clusters_alike_are_drawn_as_one_binomial() -> None:
    """Twelve of twenty of the one sign: at most 8 or at least 12 of 20 coins."""
    assert sign_flips([(0.5, 1)] * 12 + [(-0.5, 1)] * 8).p() == pytest.approx(0.5034, abs=0.015)
    # Two kinds of clusters beside two of their own kind, against every pattern.
    sums = [(0.25, 1)] * 9 + [(1.0, 2)] * 5 + [(-1.5, 3), (-2.0, 1)]
    assert sign_flips(sums).p() == pytest.approx(p_by_patterns(sums, 0.0), abs=0.015)
