"""Votes over programs by generated tests, against their formulas and the card's simulation; the vote by similarity."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.special import betaln

from rollmill.ground.errors import SetupError
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.pipelines.aggregate.similarity_vote import similarities
from rollmill.roles.blind_pool import BlindPool

TABLES = [np.array(bits, dtype=bool).reshape(3, 3) for bits in product([False, True], repeat=9)]


def winners(name: str, table: Any, **options: Any) -> set[int]:
    keys = [str(at) for at in range(len(table))]
    strength = AGGREGATORS[name](**options).elect(BlindPool.of(keys, passes=table)).strength[0]
    return set(np.flatnonzero(strength == strength.max()).tolist())


def best(scores: Sequence[float]) -> set[int]:
    return {at for at, score in enumerate(scores) if score > max(scores) - 1e-9}


def b4(table: Any, row: int, alpha: float, beta: float) -> float:
    """The card's formula, cell by cell."""
    n, m = table.shape
    x = [bool((table[other] == table[row]).all()) for other in range(n)]
    y = table[row]
    ones = [[table[i, j] for i in range(n) for j in range(m) if not x[i] and bool(y[j]) is side] for side in (True, False)]
    (e1, n1), (e0, n0) = ((sum(map(int, cells)), len(cells)) for cells in ones)
    return float(
        betaln(y.sum() + alpha, m - y.sum() + 1)
        + betaln(sum(x) + alpha, n - sum(x) + 1)
        + betaln(e1 + 1, n1 - e1 + 1)
        + betaln(e0 + 1, n0 - e0 + beta)
    )


def test_every_table_of_three_by_three_is_decided_by_the_formulas() -> None:
    for table in TABLES[::3]:
        same = [sum(bool((other == row).all()) for other in table) for row in table]
        tests = [int(row.sum()) for row in table]
        assert winners("max_pass", table) == best(tests)
        assert winners("mbr_exec", table) == best(same)
        assert winners("codet", table) == best([t * math.sqrt(s) for t, s in zip(tests, same, strict=True)])
        for alpha, beta in ((10.0, 10.0), (1e3, 1e4)):
            assert winners("b4", table, alpha=alpha, beta=beta) == best([b4(table, row, alpha, beta) for row in range(3)])


def simulated(theta_0: float, theta_1: float, pools: int = 120) -> dict[str, float]:
    """Share right of 10 solutions (.2 right) by 30 tests (.3 right): right ones pass right tests and fail wrong ones, wrong
    solutions pass wrong tests with theta_0 and right tests with theta_1. Pools without a right solution do not count.
    """
    rng = np.random.default_rng(0)
    right: defaultdict[str, float] = defaultdict(float)
    methods: dict[str, dict[str, float]] = {
        "max_pass": {},
        "mbr_exec": {},
        "codet": {},
        "b4": {},
        "b4 of programs": {"alpha": 1e3, "beta": 1e4},
    }
    done = 0
    while done < pools:
        x, y = rng.random(10) < 0.2, rng.random(30) < 0.3
        if not x.any():
            continue
        done += 1
        noise = rng.random((10, 30)) < np.where(y, theta_1, theta_0)
        table = np.where(x[:, None], y[None, :], noise)
        for label, options in methods.items():
            chosen = winners(label.split()[0], table, **options)
            right[label] += sum(map(int, x[list(chosen)])) / len(chosen)  # ties by chance
    return {label: right[label] / pools for label in methods}


def test_the_prior_of_b4_decides_and_the_wrong_one_falls_below_chance() -> None:
    good = simulated(0.1, 0.4)
    assert good["b4"] == pytest.approx(0.983, abs=0.03)
    assert good["b4 of programs"] == pytest.approx(0.942, abs=0.04)
    assert good["codet"] == pytest.approx(0.825, abs=0.05)
    assert good["max_pass"] == pytest.approx(0.593, abs=0.07)
    assert good["b4"] > good["codet"] > good["mbr_exec"] > good["max_pass"] > 0.23
    bad = simulated(0.4, 0.6)
    assert bad["b4"] == pytest.approx(0.778, abs=0.06)
    assert bad["b4 of programs"] < 0.15  # chance is .22
    assert bad["codet"] < 0.3


def test_programs_without_generated_tests_cannot_be_chosen_so() -> None:
    with pytest.raises(SetupError, match="no generated tests"):
        AGGREGATORS["codet"]().elect(BlindPool.of(["p"]))


TEXTS = (
    "we add two and two to get four",
    "add two and two to get four",
    "we add two and two and get four",
    "paris is a city",
)


def test_the_text_that_is_most_like_the_others_is_elected() -> None:
    pool = BlindPool.of(["0", "1", "2", "3"], texts=TEXTS)
    table = similarities(TEXTS)
    assert (table == table.T).all()
    assert table.diagonal().tolist() == [0.0] * 4
    assert AGGREGATORS["similarity"]().elect(pool).top(pool, 4)[0] == "0"
    assert AGGREGATORS["similarity"]().elect(pool).top(pool, 4)[-1] == "3"
    some = pool.subsets(np.array([[1, 2, 3], [3, 3, 1]]))
    assert AGGREGATORS["similarity"]().elect(some).strength.argmax(axis=1).tolist()[0] in (1, 2)


def test_bleu_is_one_for_equal_texts_and_small_for_short_or_strange_ones() -> None:
    assert similarities(["a b c d e", "a b c d e"])[0, 1] == pytest.approx(1.0)
    assert similarities(["a b c d", "x y z"])[0, 1] == 0.0
    assert similarities(["", ""])[0, 1] == 1.0
    assert similarities(["", "a"])[0, 1] == 0.0
    # one direction: 1-grams 2/2, 2-grams (1+1)/(1+1), brevity exp(1 - 4/2); the other: 2/4, 2/4, 1/3, 1/2
    forth, back = math.exp(-1), (1 / 2 * 1 / 2 * 1 / 3 * 1 / 2) ** 0.25
    assert similarities(["a b", "a b c d"])[0, 1] == pytest.approx((forth + back) / 2)
