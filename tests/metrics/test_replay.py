"""A replay: settings are chosen on other problems than they are reported on, oracle and random are exact."""

from typing import Any, ClassVar

import numpy as np
import pytest

from rollmill.ground.ids import digest128
from rollmill.metrics.elections import ElectionBudget, ballots
from rollmill.metrics.replay import ReplayPlan, ReplayRow, Setting, replay
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.roles.blind_pool import BlindPool, Election, Need
from tests.metrics.test_elections import pool_of


def setting(name: str, **options: Any) -> Setting:
    return Setting(name, f"{name} {options}", AGGREGATORS[name](**options))


def rows_of(rows: list[ReplayRow], k: int = 1, n: int | None = None) -> dict[str, ReplayRow]:
    return {row.aggregator: row for row in rows if row.k == k and n in (None, row.budget.amount)}


def test_oracle_and_random_bound_and_anchor_every_table() -> None:
    pool = pool_of("7c 8i 8i 7c", "8i 8i 8i 7c", "9i 8i 7i 6i", scores=[1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1])
    plan = ReplayPlan((ElectionBudget("samples", 2), ElectionBudget("samples", 4)), ks=(1, 2), repeats=100)
    rows = replay(ballots(pool), [setting("majority"), setting("best_of_n", score="s")], plan)
    four = rows_of(rows, n=4)
    assert four["oracle"].value.value == pytest.approx(2 / 3)
    assert four["random"].value.value == pytest.approx((1 / 2 + 1 / 4) / 3)
    assert four["majority"].value.value == pytest.approx(1 / 6)  # a tie of two in the first, outvoted in the second
    assert four["best_of_n"].value.value == pytest.approx(2 / 3)
    assert rows_of(rows, n=2)["oracle"].value.value == pytest.approx((5 / 6 + 1 / 2) / 3)
    assert rows_of(rows, k=2, n=4)["random"].value.value == pytest.approx((5 / 6 + 1 / 2) / 3)
    assert all(row.value.value <= rows_of(rows, row.k, row.budget.amount)["oracle"].value.value + 1e-12 for row in rows)
    difference = four["best_of_n"].difference
    assert difference is not None
    assert difference.value == pytest.approx(1 / 2)
    assert four["majority"].difference is None
    assert (four["majority"].tokens, rows_of(rows, n=2)["majority"].tokens) == (40.0, 20.0)


class Guess:
    """Right with chance .88 on every problem, whatever its number: no setting is better than another."""

    name: ClassVar[str] = "guess"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ()

    def __init__(self, number: int) -> None:
        self.number = number

    def elect(self, pool: BlindPool) -> Election:
        draw = int(digest128([self.number, pool.answers[0]])[:8], 16) / 2**32
        right = np.array([answer.endswith("7") for answer in pool.answers])
        return Election(np.where(right, 1.0 if draw < 0.88 else -1.0, 0.0)[None, :].repeat(len(pool), axis=0))


def test_the_best_of_thirty_equal_settings_is_reported_as_what_it_is() -> None:
    shown, naive = [], []
    for trial in range(5):
        texts = [f"t{trial}p{place}" for place in range(50)]
        pool = _named(texts)
        guesses = [Setting("guess", str(number), Guess(number)) for number in range(30)]
        rows = rows_of(replay(ballots(pool), guesses, ReplayPlan((ElectionBudget("samples", 2),), repeats=1, seed=trial)))
        shown.append(rows["guess"].value.value)
        naive.append(rows["guess"].same_problems)
    assert np.mean(naive) > 0.93  # type: ignore[arg-type]
    assert np.mean(shown) == pytest.approx(0.88, abs=0.04)  # two standard errors of 250 problems


def _named(texts: list[str]) -> Any:
    """A pool of two answers a problem, each problem with keys of its own, the right one ending in 7."""
    from dataclasses import replace

    pool = pool_of(*["7c 8i"] * len(texts))
    keys = tuple(f"{text}-{end}" for text in texts for end in (7, 8))
    return replace(pool, answers=keys, answer=np.arange(2 * len(texts)))


def test_each_problem_is_reported_under_a_setting_that_was_chosen_without_it() -> None:
    """Two clusters on which two settings are opposite: each fold gets the setting that is best on the other."""
    pool = pool_of(*["7c 8i"] * 6, scores=[1, 0] * 3 + [0, 1] * 3, templates=["a"] * 3 + ["b"] * 3)
    options = [setting("best_of_n", score="s"), setting("best_of_n", score="-s")]
    (row,) = [
        r
        for r in replay(ballots(pool), options, ReplayPlan((ElectionBudget("samples", 2),)))
        if r.aggregator == "best_of_n"
    ]
    assert row.value.value == 0.0  # what was chosen on one cluster fails on the other
    assert row.same_problems == 0.5
    assert len(set(row.settings)) == 2


def test_with_one_cluster_nothing_is_chosen_and_the_first_setting_stands() -> None:
    pool = pool_of(*["7c 8i"] * 4, scores=[1, 0] * 4, templates=["a"] * 4)
    options = [setting("best_of_n", score="-s"), setting("best_of_n", score="s")]
    (row,) = [
        r
        for r in replay(ballots(pool), options, ReplayPlan((ElectionBudget("samples", 2),)))
        if r.aggregator == "best_of_n"
    ]
    assert (row.value.value, row.same_problems, row.settings) == (0.0, 1.0, (options[0].label,))


def test_the_same_seed_gives_the_same_rows_and_more_subsets_less_noise() -> None:
    rng = np.random.default_rng(1)
    pool = pool_of(*[" ".join(rng.choice(["7c", "8i", "9i"], 24)) for _ in range(6)], scores=rng.random(144))
    plans = [ReplayPlan((ElectionBudget("samples", 9),), repeats=repeats, seed=5) for repeats in (20, 20, 400)]
    rows = [rows_of(replay(ballots(pool), [setting("majority"), setting("borda", score="s")], plan)) for plan in plans]
    assert rows[0] == rows[1]
    assert 0 < rows[2]["borda"].error < rows[0]["borda"].error / 3


def test_a_knockout_says_how_often_it_compared() -> None:
    pool = pool_of("7c 8i 9i 7c", scores=[4, 3, 2, 1])
    plan = ReplayPlan((ElectionBudget("samples", 4),))
    row = rows_of(replay(ballots(pool), [setting("knockout", scores=("s", "-s", "s"), comparisons=3)], plan))["knockout"]
    assert (row.comparisons, row.value.value) == (9.0, 1.0)
    row = rows_of(replay(ballots(pool), [setting("knockout", scores=("s",), comparisons=3)], plan))["knockout"]
    assert (row.comparisons, row.value.value) == (3.0, 1.0)  # a stored score says the same each time
