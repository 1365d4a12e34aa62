"""Pulls of arms over rounds: by hand, and against a count of the plans of simulated allocations."""

import numpy as np
import pytest

from rollmill.pipelines.allocate import ALLOCATORS
from rollmill.pipelines.allocate.allocation_rounds import Allocation, allocate
from rollmill.pipelines.allocate.arms import Arm, Pull
from rollmill.pipelines.allocate.spending import MOST_ROUNDS, spending_of


def made(*rounds: dict[str, int]) -> Allocation:
    """An allocation over `a` and `b` with these plans."""
    arms = {arm: Arm((Pull(1, 1),) * sum(plan.get(arm, 0) for plan in rounds)) for arm in ("a", "b")}
    return Allocation(arms, rounds, ("a", "b"), 0.0)


def test_a_short_allocation_keeps_its_last_pulls() -> None:
    spending = spending_of([made({"a": 1, "b": 1}, {"a": 2}, {"a": 4}), made({"b": 3})])
    assert (spending.arms, spending.rounds) == (("a", "b"), (0, 1, 2, 3))
    assert spending.mean.tolist() == [[0.0, 0.5, 1.5, 3.5], [0.0, 2.0, 2.0, 2.0]]
    row = spending.row(group=2)
    assert row["rounds"] == [0, 1, 2, 3]
    assert row["arms"]["a"]["mean"] == [0.0, 1.0, 3.0, 7.0]
    assert row["arms"]["b"]["low"] == pytest.approx([0.0, 2.2, 2.2, 2.2])  # b is pulled 1 and 3 times, a pull has two


def test_the_curves_are_those_of_the_committed_plans() -> None:
    built = ALLOCATORS["ucb"](total=300, batch=7)  # type: ignore[call-arg]
    rates = {"low": 0.2, "high": 0.8, "mid": 0.5}
    generator = np.random.default_rng(0)

    def drawn(arm: str, first: int, count: int) -> list[Pull]:
        return [Pull(1, float(generator.random() < rates[arm])) for _ in range(first, first + count)]

    repeats = [allocate(built, dict.fromkeys(rates, 200), drawn, seed=seed) for seed in range(12)]
    spending = spending_of(repeats)
    assert len(spending.rounds) == MOST_ROUNDS + 1 < len(repeats[0].rounds)
    assert (spending.rounds[0], spending.rounds[-1]) == (0, len(repeats[0].rounds))
    for place, arm in enumerate(spending.arms):
        for column, last in enumerate(spending.rounds):
            counts = [sum(plan.get(arm, 0) for plan in repeat.rounds[:last]) for repeat in repeats]
            assert spending.mean[place, column] == pytest.approx(sum(counts) / len(counts))
            assert spending.low[place, column] == pytest.approx(np.quantile(counts, 0.05))
            assert spending.high[place, column] == pytest.approx(np.quantile(counts, 0.95))
        assert spending.mean[place, -1] == np.mean([len(repeat.arms[arm].pulls) for repeat in repeats])
    assert (np.diff(spending.mean, axis=1) >= 0).all()


def test_an_allocation_without_a_round_has_no_pulls() -> None:
    spending = spending_of([made()])
    assert spending.rounds == (0,)
    assert spending.mean.tolist() == [[0.0], [0.0]]
