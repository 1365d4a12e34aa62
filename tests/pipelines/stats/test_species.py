"""Laws of new solutions: exact chances by brute force, and which law the counts of problems speak for."""

from itertools import product

import numpy as np
import pytest

from pipelines.stats.species import FLAT, LAWS, chance_of_new, fit_laws, laws_after, likelihoods
from pipelines.stats.variety import THETAS, variety_after

FINITE = LAWS[:, 0] < 0


def of(alpha: float, theta: float) -> int:
    """The place of a law in the grid."""
    return int(np.flatnonzero(np.isclose(LAWS, (alpha, theta)).all(axis=1))[0])


@pytest.mark.parametrize(("ways", "kappa"), [(2, 1.0), (3, 0.3), (4, 5.0)])
def test_a_finite_law_is_that_of_ways_with_dirichlet_chances(ways: int, kappa: float) -> None:
    """P(d of n) summed over all sequences of ways under the Dirichlet-multinomial."""
    n, found = 5, np.zeros(6)
    for sequence in product(range(ways), repeat=n):
        chance, seen = 1.0, [0] * ways
        for place, way in enumerate(sequence):
            chance *= (kappa + seen[way]) / (ways * kappa + place)
            seen[way] += 1
        found[len(set(sequence))] += chance
    said = [likelihoods(d, n)[of(-kappa, ways * kappa)] for d in range(n + 1)]
    assert said == pytest.approx(found.tolist(), abs=1e-12)


def test_the_endless_laws_are_those_of_ewens() -> None:
    flat = np.full(len(THETAS), 1 / len(THETAS))
    mine = laws_after(3, 7, np.where(FINITE, 0.0, 1.0))[~FINITE]
    assert mine == pytest.approx(variety_after(3, 7, flat), rel=1e-9)


def test_chances_of_all_numbers_add_up_to_one() -> None:
    for n in (1, 2, 9, 40):
        assert sum(likelihoods(d, n) for d in range(n + 1)) == pytest.approx(np.ones(len(LAWS)))


def test_nothing_is_new_when_all_ways_are_seen() -> None:
    assert chance_of_new(3, 50, -1.0, 3.0) == 0.0
    assert chance_of_new(2, 50, -1.0, 3.0) == pytest.approx(1 / 53)
    assert chance_of_new(0, 0, -1.0, 3.0) == 1.0


def test_problems_of_two_ways_are_told_from_endless_ones() -> None:
    two = fit_laws([2] * 30, [12] * 30, [1.0] * 30)
    assert two[FINITE].sum() > 0.8
    ends = laws_after(2, 12, two)
    assert float((ends * chance_of_new(2, 12, LAWS[:, 0], LAWS[:, 1])).sum()) < 0.02  # the urn alone says .06 or more
    all_new = fit_laws([12] * 30, [12] * 30, [1.0] * 30)
    assert all_new[~FINITE].sum() > 0.8


def test_single_correct_answers_say_nothing() -> None:
    assert fit_laws([1, 0], [1, 0], [1.0, 1.0]) is FLAT
    assert fit_laws([], [], []) is FLAT
    assert FLAT.sum() == pytest.approx(1.0)
    assert FLAT[FINITE].sum() == pytest.approx(0.5)
