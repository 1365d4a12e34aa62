"""Laws of new solutions: against brute force and simulation."""

import random
from itertools import product

import numpy as np
import pytest

from rollmill.stats.draws.solution_diversity import (
    FLAT_LAWS,
    FLAT_THETAS,
    LAWS,
    THETAS,
    Array,
    chance_of_new,
    draw_laws,
    fit_thetas,
    law_likelihoods,
    law_weights,
    new_solutions,
    thetas_after,
)


def only(theta: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """All weight on the grid's nearest theta."""
    weights = np.zeros(len(THETAS))
    weights[np.argmin(abs(THETAS - theta))] = 1.0
    return weights


def one_problem(correct: int, missing: int, most: int, weights: Array) -> Array:
    """The table of one problem, which those beside it do not change."""
    table: Array
    table, other = new_solutions([correct, 3], missing, most, np.stack([weights, FLAT_THETAS]))
    assert np.array_equal(new_solutions([correct], missing, most, weights[None])[0], table)
    assert np.array_equal(new_solutions([3], missing, most, FLAT_THETAS[None])[0], other)
    return table


def brute(theta: float, correct: int, missing: int, further: int) -> list[float]:
    """The chance of each number of new solutions, by all 2^further orders of new and old."""
    chances = [0.0] * (missing + 1)
    for order in range(2**further):
        chance, news = 1.0, 0
        for j in range(further):
            new = theta / (theta + correct + j)
            hit = order >> j & 1
            chance *= new if hit else 1 - new
            news += hit
        chances[min(news, missing)] += chance
    return chances


@pytest.mark.parametrize(("correct", "missing"), [(0, 1), (0, 3), (2, 2), (7, 1)])
def test_new_solutions_are_those_of_every_order_of_new_and_old(correct: int, missing: int) -> None:
    theta = float(THETAS[8])
    table = one_problem(correct, missing, 6, only(theta))
    for further in range(7):
        assert table[further].tolist() == pytest.approx(brute(theta, correct, missing, further))


def test_the_first_correct_answer_is_always_new() -> None:
    assert one_problem(0, 1, 2, FLAT_THETAS)[1].tolist() == pytest.approx([0.0, 1.0])


def test_the_posterior_is_the_likelihood_times_the_prior() -> None:
    distinct, correct = 2, 5
    likelihood = [theta**distinct / np.prod([theta + j for j in range(correct)]) for theta in THETAS]
    assert thetas_after(distinct, correct, FLAT_THETAS).tolist() == pytest.approx(likelihood / np.sum(likelihood))


def test_problems_that_repeat_and_problems_that_vary_are_told_apart() -> None:
    rng = random.Random(0)

    def drawn(theta: float, correct: int) -> int:
        return sum(rng.random() < theta / (theta + j) for j in range(correct))

    few = fit_thetas([drawn(0.05, 12) for _ in range(60)], [12] * 60)
    many = fit_thetas([drawn(20.0, 12) for _ in range(60)], [12] * 60)
    assert one_problem(8, 1, 10, thetas_after(1, 8, few))[10, 1] == pytest.approx(0.05, abs=0.02)
    assert one_problem(8, 1, 10, thetas_after(7, 8, many))[10, 1] > 0.99


def test_the_fitted_mixture_predicts_what_comes_where_half_the_problems_repeat() -> None:
    rng = random.Random(1)
    thetas = [0.05, 5.0] * 400
    grown = [[rng.random() < theta / (theta + j) for j in range(24)] for theta in thetas]
    prior = fit_thetas([sum(one[:8]) for one in grown], [8] * len(grown))
    expected = sum(one_problem(8, 1, 16, thetas_after(sum(one[:8]), 8, prior))[16, 1] for one in grown)
    assert expected == pytest.approx(sum(any(one[8:]) for one in grown), rel=0.06)


def test_one_correct_answer_says_nothing_and_a_model_cut_off_every_time_is_no_error() -> None:
    assert fit_thetas([1, 0], [1, 0]).tolist() == FLAT_THETAS.tolist()
    assert one_problem(9, 1, 3, thetas_after(0, 9, FLAT_THETAS))[3, 1] < 0.2


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
    said = [law_likelihoods(d, n)[of(-kappa, ways * kappa)] for d in range(n + 1)]
    assert said == pytest.approx(found.tolist(), abs=1e-12)


def test_the_endless_laws_are_those_of_ewens() -> None:
    flat = np.full(len(THETAS), 1 / len(THETAS))
    mine = law_weights(3, 7, np.where(FINITE, 0.0, 1.0))[~FINITE]
    assert mine == pytest.approx(thetas_after(3, 7, flat), rel=1e-9)


def test_chances_of_all_numbers_add_up_to_one() -> None:
    for n in (1, 2, 9, 40):
        assert sum(law_likelihoods(d, n) for d in range(n + 1)) == pytest.approx(np.ones(len(LAWS)))


def test_nothing_is_new_when_all_ways_are_seen() -> None:
    assert chance_of_new(3, 50, -1.0, 3.0) == 0.0
    assert chance_of_new(2, 50, -1.0, 3.0) == pytest.approx(1 / 53)
    assert chance_of_new(0, 0, -1.0, 3.0) == 1.0


def drawn(distinct: list[int], correct: list[int]) -> np.ndarray:
    """(100, laws): mixtures drawn from their posterior."""
    rng = np.random.default_rng(0)
    return np.stack([draw_laws(distinct, correct, np.ones(len(correct)), rng) for _ in range(100)])


def test_drawn_mixtures_agree_where_the_counts_tell_and_differ_where_they_do_not() -> None:
    two, new, few = drawn([2] * 30, [12] * 30), drawn([12] * 30, [12] * 30), drawn([2] * 3, [3] * 3)
    assert two[:, FINITE].sum(axis=1).min() > 0.8
    assert new[:, ~FINITE].sum(axis=1).min() > 0.8
    new_chance = [law_weights(2, 12, prior) @ chance_of_new(2, 12, LAWS[:, 0], LAWS[:, 1]) for prior in two]
    assert np.mean(new_chance) < 0.02, "the urn alone says .06 or more"
    assert few[:, FINITE].sum(axis=1).std() > 0.25, "two of three: the third may never come, or always"
    assert drawn([1, 0], [1, 0])[:, FINITE].sum(axis=1).mean() == pytest.approx(0.5, abs=0.15)


def test_no_law_is_impossible_and_a_problem_counts_for_its_weight() -> None:
    rng = np.random.default_rng(0)
    found = draw_laws([1, 12], [12, 12], np.array([1000.0, 1e-9]), rng)
    assert found.min() > 0.0
    assert found.sum() == pytest.approx(1.0)
    assert float(law_likelihoods(12, 12) @ found) < 0.02


def test_single_correct_answers_say_nothing() -> None:
    assert np.array_equal(drawn([1, 0], [1, 0]), drawn([], []))
    assert FLAT_LAWS.sum() == pytest.approx(1.0)
    assert FLAT_LAWS[FINITE].sum() == pytest.approx(0.5)
