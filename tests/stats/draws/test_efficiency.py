"""Efficiency of programs: Hodges-Lehmann by all pairs, the formula by hand, limits that only lower it, and best of k."""

from itertools import combinations, pairwise
from statistics import mean, median

import numpy as np
import pytest

from rollmill.stats import hodges_lehmann, program_efficiency
from rollmill.stats.draws.subsets import best_of_ks


def test_hodges_lehmann_is_the_median_of_all_pair_means() -> None:
    assert hodges_lehmann([1.0, 2.0, 10.0]) == 3.75  # of 1, 1.5, 2, 5.5, 6, 10
    generator = np.random.default_rng(1)
    for size in range(1, 8):
        times = generator.exponential(size=size).tolist()
        pairs = [(times[i] + times[j]) / 2 for i in range(size) for j in range(i, size)]
        assert hodges_lehmann(times) == pytest.approx(median(pairs))
    assert hodges_lehmann([1.0, 1.1, 1.2, 0.9, 1.0, 50.0]) < 1.2  # one slow run of six moves it little


def test_the_worst_test_of_each_level_counts_by_its_weight() -> None:
    references = [[0.1], [0.2, 0.4], [1.0]]
    weights = (0.0, 3.0, 4.0)
    assert program_efficiency(references, references, weights) == pytest.approx(1.0)
    # the limits are .8 and 2: (.8 - .6) / .4 by weight 3, (2 - 1.5) / 1 by weight 4
    assert program_efficiency([[9.0], [0.6, 0.1], [1.5]], references, weights) == pytest.approx((3 * 0.5 + 4 * 0.5) / 7)
    assert program_efficiency([[0.1], [0.9, 0.1], [0.5]], references, weights) == pytest.approx((0 + 4 * 1.5) / 7)
    assert program_efficiency([[0.1], [None, None], [None]], references, weights) == 0.0
    assert program_efficiency([[0.1], [0.4, 0.1], [None]], references, weights) == pytest.approx(3 / 7)
    assert program_efficiency([[0.1], [None, 0.1], [1.0]], references, weights) == 0.0  # nothing after a stopped test
    assert program_efficiency([[0.3]], [[0.2]], (1.0,), alpha=3.0) == pytest.approx((0.6 - 0.3) / 0.4)
    assert program_efficiency([[], [0.1]], [[], [0.1]], (1.0, 0.0)) is None


def stopped(times: list[list[float]], limit: float) -> list[list[float | None]]:
    """The times as far as they are measured under a limit: after a stopped test nothing is run."""
    known, over = [], False
    for level in times:
        row: list[float | None] = []
        for time in level:
            over = over or time > limit
            row.append(None if over else time)
        known.append(row)
    return known


def test_a_smaller_limit_never_raises_a_score() -> None:
    generator = np.random.default_rng(7)
    for _ in range(300):
        references = [generator.uniform(0.05, 0.5, size=3).tolist() for _ in range(4)]
        times = [generator.uniform(0.02, 1.2, size=3).tolist() for _ in range(4)]
        scores = [
            program_efficiency(stopped(times, limit), references, (0.0, 3.0, 3.0, 4.0))
            for limit in (0.1, 0.3, 0.6, 0.9, 1.3)
        ]
        assert all(low is not None and high is not None and low <= high for low, high in pairwise(scores))
        assert scores[-1] == program_efficiency(times, references, (0.0, 3.0, 3.0, 4.0))


def test_best_of_k_is_the_mean_over_all_subsets() -> None:
    generator = np.random.default_rng(3)
    references = [[0.2], [0.4]]
    scores = [
        program_efficiency([[time], [2 * time]], references, (3.0, 4.0)) or 0.0
        for time in generator.uniform(0.1, 0.5, size=7).tolist()
    ]
    ks = (1, 2, 4, 7)
    brute = [mean(max(subset) for subset in combinations(scores, k)) for k in ks]
    assert best_of_ks([scores], ks)[0].tolist() == pytest.approx(brute, abs=1e-15)
