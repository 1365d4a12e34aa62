"""How many different solutions come: the urn against enumeration, likelihood, and planted varieties."""

import random

import numpy as np
import pytest

from pipelines.stats.variety import THETAS, Array, fit_variety, flat, new_solutions, variety_after


def only(theta: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """All weight on the grid's nearest theta."""
    weights = np.zeros(len(THETAS))
    weights[np.argmin(abs(THETAS - theta))] = 1.0
    return weights


def one_problem(correct: int, missing: int, most: int, weights: Array) -> Array:
    """The table of one problem, which those beside it do not change."""
    table, other = new_solutions([correct, 3], missing, most, np.stack([weights, flat()]))
    assert np.array_equal(new_solutions([correct], missing, most, weights[None])[0], table)
    assert np.array_equal(new_solutions([3], missing, most, flat()[None])[0], other)
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
    assert one_problem(0, 1, 2, flat())[1].tolist() == pytest.approx([0.0, 1.0])


def test_the_posterior_is_the_likelihood_times_the_prior() -> None:
    distinct, correct = 2, 5
    likelihood = [theta**distinct / np.prod([theta + j for j in range(correct)]) for theta in THETAS]
    assert variety_after(distinct, correct, flat()).tolist() == pytest.approx(likelihood / np.sum(likelihood))


def test_problems_that_repeat_and_problems_that_vary_are_told_apart() -> None:
    rng = random.Random(0)

    def drawn(theta: float, correct: int) -> int:
        return sum(rng.random() < theta / (theta + j) for j in range(correct))

    few = fit_variety([drawn(0.05, 12) for _ in range(60)], [12] * 60)
    many = fit_variety([drawn(20.0, 12) for _ in range(60)], [12] * 60)
    assert one_problem(8, 1, 10, variety_after(1, 8, few))[10, 1] == pytest.approx(0.05, abs=0.02)
    assert one_problem(8, 1, 10, variety_after(7, 8, many))[10, 1] > 0.99


def test_the_fitted_mixture_predicts_what_comes_where_half_the_problems_repeat() -> None:
    rng = random.Random(1)
    thetas = [0.05, 5.0] * 400
    grown = [[rng.random() < theta / (theta + j) for j in range(24)] for theta in thetas]
    prior = fit_variety([sum(one[:8]) for one in grown], [8] * len(grown))
    expected = sum(one_problem(8, 1, 16, variety_after(sum(one[:8]), 8, prior))[16, 1] for one in grown)
    assert expected == pytest.approx(sum(any(one[8:]) for one in grown), rel=0.06)


def test_one_correct_answer_says_nothing_and_a_model_cut_off_every_time_is_no_error() -> None:
    assert fit_variety([1, 0], [1, 0]).tolist() == flat().tolist()
    assert one_problem(9, 1, 3, variety_after(0, 9, flat()))[3, 1] < 0.2
