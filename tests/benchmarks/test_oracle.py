"""The oracle: against every policy of tiny problems, against closed forms, and above every budget in expectation."""

import itertools
import random
from collections.abc import Iterator
from statistics import mean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.numbers.oracle import Law, law_of, oracle, price_grid
from benchmarks.numbers.replay import RecordedProblem, replay, solutions
from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample

Point = tuple[float, float]
"""(expected tokens, expected coverage) of one policy."""


def policies(law: Law, k: int, cap: int, state: tuple[frozenset[int], int] = (frozenset(), 0)) -> Iterator[Point]:
    """Every deterministic policy of one problem: at each history stop, or draw and go on in some way after each outcome."""
    yield 0.0, 0.0
    if cap == 0:
        return
    found, fresh = state
    steps = [(chance, (found | {name}, fresh)) for name, chance in enumerate(law.named)]
    steps += [(law.fresh, (found, fresh + 1)), (1.0 - sum(law.named) - law.fresh, state)]
    branches = []
    for chance, after in steps:
        done = len(after[0]) + after[1] >= k
        branches.append([(chance, point) for point in ([(0.0, 1.0)] if done else policies(law, k, cap - 1, after))])
    for chosen in itertools.product(*branches):
        tokens = law.tokens + sum(chance * point[0] for chance, point in chosen)
        yield tokens, sum(chance * point[1] for chance, point in chosen)


def best_mixture(points: list[Point], tokens: float) -> float:
    """The greatest coverage of a mixture of two policies that spends at most `tokens` in expectation."""
    best = max(cover for spent, cover in points if spent <= tokens)
    for (low, bad), (high, good) in itertools.permutations(points, 2):
        if low <= tokens < high:
            best = max(best, bad + (good - bad) * (tokens - low) / (high - low))
    return best


def front(points: Iterator[Point]) -> list[Point]:
    """Policies that no other one beats in both tokens and coverage."""
    kept: list[Point] = []
    for tokens, cover in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not kept or cover > kept[-1][1]:
            kept.append((tokens, cover))
    return kept


@pytest.mark.parametrize(
    ("laws", "k", "cap"),
    [
        ([Law((), 0.5, 2.0), Law((), 0.2, 1.0)], 1, 3),
        ([Law((0.6,), 0.1, 3.0), Law((0.3, 0.3), 0.0, 1.0)], 2, 3),
        ([Law((0.5, 0.25), 0.25, 1.0), Law((), 0.05, 7.0)], 2, 3),
    ],
)
def test_it_is_the_best_of_all_mixtures_of_all_policies(laws: list[Law], k: int, cap: int) -> None:
    fronts = [front(policies(law, k, cap)) for law in laws]
    pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in itertools.product(*fronts)]
    curve = oracle(laws, k=k, cap=cap, grid=price_grid(laws, cap, 4000))
    for tokens in (0.0, 0.7, 1.5, 3.0, 4.4, 8.0, 30.0):
        assert curve.coverage(tokens) == pytest.approx(best_mixture(pairs, tokens), abs=2e-3)
        assert curve.coverage(tokens) >= best_mixture(pairs, tokens) - 1e-9  # a grid of prices can only raise the bound


def test_one_problem_that_is_always_solved_needs_k_draws_of_new_solutions() -> None:
    curve = oracle([Law((), 1.0, 10.0)], k=3, cap=8, grid=price_grid([Law((), 1.0, 10.0)], 8, 4000))
    assert curve.coverage(30.0) == pytest.approx(1.0, abs=1e-3)
    assert curve.coverage(15.0) == pytest.approx(0.5, abs=1e-3)  # half of the time


def test_one_solution_only_is_never_two() -> None:
    curve = oracle([Law((1.0,), 0.0, 1.0)], k=2, cap=64)
    assert curve.coverage(1e9) == 0.0


def test_the_prefix_is_paid_even_where_it_was_not_needed() -> None:
    law = Law((), 1.0, 1.0)
    assert oracle([law], k=1, cap=8, grid=price_grid([law], 8, 4000)).coverage(1.0) == pytest.approx(1.0, abs=1e-3)
    paid = oracle([law, Law((), 0.0, 1.0)], k=1, cap=8, initial=4)
    assert paid.coverage(8.0) == pytest.approx(1.0, abs=1e-9)
    both = oracle([law, Law((), 0.5, 1.0)], k=1, cap=5, initial=4, grid=price_grid([law], 5, 4000))
    assert both.coverage(8.0) == pytest.approx(1 + 1 - 0.5**4, abs=1e-3)
    assert both.coverage(8.0 + 0.5**4) == pytest.approx(1 + 1 - 0.5**5, abs=1e-3)  # the fifth draw only where it is needed


@given(
    chances=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=4),
    budgets=st.lists(st.floats(0.0, 400.0), min_size=2, max_size=6),
)
@settings(max_examples=40)
def test_more_tokens_never_cover_less_and_gain_less_each(chances: list[float], budgets: list[float]) -> None:
    curve = oracle(
        [Law((), chance, 1.0) for chance in chances],
        k=2,
        cap=16,
        grid=price_grid([Law((), chance, 1.0) for chance in chances], 16, 60),
    )
    points = sorted(set(budgets))
    values = [curve.coverage(tokens) for tokens in points]
    assert values == sorted(values)
    assert values[-1] <= len(chances) + 1e-9
    for (a, b, c), (x, y, z) in zip(
        zip(points, points[1:], points[2:], strict=False), zip(values, values[1:], values[2:], strict=False), strict=True
    ):
        assert (y - x) * (c - b) >= (z - y) * (b - a) - 1e-6


def test_a_law_from_draws_knows_them_all_and_not_their_order() -> None:
    draws = [SimulatedSample("correct", name, 10) for name in "aaabbc"] + [
        SimulatedSample("incorrect", None, 30),
        SimulatedSample("correct", None, 20),
    ]
    assert law_of(draws) == Law((3 / 8, 2 / 8), 1 / 8, 110 / 8, 8)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_to_the_cap_it_covers_what_orders_of_the_recorded_draws_cover(k: int) -> None:
    """Every subset of 3 of these 7 draws is as likely as any other: brute force."""
    draws = [SimulatedSample("correct", name, 1) for name in "aabcd"] + [SimulatedSample("incorrect", None, 1)] * 2
    subsets = [len(solutions(chosen)) >= k for chosen in itertools.combinations(draws, 3)]
    assert oracle([law_of(draws)], k=k, cap=3).coverage(1e9) == pytest.approx(mean(subsets))


@given(names=st.lists(st.sampled_from("abc--"), min_size=4, max_size=6), tokens=st.floats(0.0, 4.0))
@settings(max_examples=40)
def test_stopping_at_the_first_solution_is_the_best_of_one_problem_taken_without_returning(
    names: list[str], tokens: float
) -> None:
    """k = 1: the chance in the next draw only grows, so to draw until solved or 3 draws, or not at all, is a mixture of the
    best; the reference is the mean over all orders.
    """
    draws = [
        SimulatedSample("incorrect", None, 1) if name == "-" else SimulatedSample("correct", name, 1) for name in names
    ]
    orders = list(itertools.permutations(draws))
    needed = [next((index for index, one in enumerate(order, 1) if one.solution), 99) for order in orders]
    cost, covered = mean(min(3, need) for need in needed), mean(need <= 3 for need in needed)
    curve = oracle([law_of(draws)], k=1, cap=3, grid=price_grid([law_of(draws)], 3, 4000))
    assert curve.coverage(tokens) == pytest.approx(covered * min(1.0, tokens / cost), abs=2e-3)


def test_more_draws_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="a cap of 9 draws, and 4 to be had"):
        oracle([Law((0.5,), 0.25, 1.0, 4)], k=1, cap=9)


def test_what_is_no_law_is_refused() -> None:
    with pytest.raises(ValueError, match="no law"):
        Law((0.6,), 0.6, 1.0)


@pytest.mark.parametrize("name", sorted(set(BUDGETS) - {"router", "frontier"}))
def test_no_budget_beats_it_in_expectation(name: str) -> None:
    """Over 40 samplings of problems whose laws are known: regret at the mean tokens is not below what chance explains."""
    laws = {f"p{number}": Law((rate / 2,), rate / 2, 10.0) for number, rate in enumerate((0.0, 0.03, 0.1, 0.3, 0.7, 1.0))}
    curve = oracle(list(laws.values()), k=2, cap=64)
    tokens, covered = [], []
    for seed in range(40):
        rng = random.Random(seed)
        record = [
            RecordedProblem(SimulatedProblem(key), tuple(drawn_by(law, rng) for _ in range(64)))
            for key, law in laws.items()
        ]
        done = replay(BUDGETS[name](), record)
        tokens.append(done.tokens())
        covered.append(len(done.covered(2)))
    assert curve.coverage(mean(tokens)) - mean(covered) > -3 * stdev(covered) / 40**0.5


def drawn_by(law: Law, rng: random.Random) -> SimulatedSample:
    chance = rng.random()
    if chance < law.named[0]:
        return SimulatedSample("correct", "named", 10)
    return (
        SimulatedSample("correct", rng.random().hex(), 10)
        if chance < law.named[0] + law.fresh
        else SimulatedSample("incorrect", None, 10)
    )
