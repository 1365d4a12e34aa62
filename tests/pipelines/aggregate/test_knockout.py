"""The knockout: its bracket on small cases, K comparisons in both orders, and the published bound on its failure."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from rollmill.pipelines.aggregate.knockout import Knockout, knockout_bound
from rollmill.roles.blind_pool import BlindPool


@dataclass
class Coin:
    """Prefers the right completion with chance p_comp; `bias` of the others prefer what is shown first."""

    right: np.ndarray[Any, Any]
    p_comp: float
    bias: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def __call__(self, pool: BlindPool, first: Any, second: Any, vote: int) -> np.ndarray[Any, Any]:  # noqa: ARG002
        better = np.take_along_axis(self.right, first, axis=1) * 1.0 - np.take_along_axis(self.right, second, axis=1)
        fair = np.where(self.rng.random(first.shape) < self.p_comp, better, -better)
        by_position = self.rng.random(first.shape) < self.bias
        return np.where(by_position, 1.0, fair)


def failure(n: int, k: int, p_gen: float, p_comp: float, bias: float = 0.0) -> float:
    """Share of 2,000 pools whose winner is wrong."""
    right = np.random.default_rng(5).random((2_000, n)) < p_gen
    pool = BlindPool(
        ("wrong", "right"),
        right.astype(np.int64),
        np.ones(right.shape, dtype=bool),
        np.broadcast_to(np.arange(n), right.shape),
        np.zeros(right.shape, dtype=np.int64),
        np.full(right.shape, -1),
    )
    election = Knockout(comparisons=k, scores=(), comparer=Coin(right, p_comp, bias)).elect(pool)
    assert np.all(election.comparisons == (n - 1) * k)
    return float(1 - (election.strength.argmax(axis=1) == 1).mean())


def test_the_failure_is_below_the_published_bound_where_that_says_anything() -> None:
    assert knockout_bound(64, 64, 0.3, 0.7) == pytest.approx(0.0359, abs=1e-4)
    assert knockout_bound(16, 16, 0.3, 0.6) == pytest.approx(2.9, abs=0.01)  # vacuous
    for n, k, p_gen, p_comp in ((64, 64, 0.3, 0.7), (32, 32, 0.3, 0.75), (16, 64, 0.4, 0.7), (8, 32, 0.5, 0.8)):
        bound = knockout_bound(n, k, p_gen, p_comp)
        assert bound < 1
        assert failure(n, k, p_gen, p_comp) <= bound
    assert failure(16, 16, 0.3, 0.6) == pytest.approx(0.18, abs=0.03)
    with pytest.raises(ValueError, match=r"holds above \.5"):
        knockout_bound(8, 8, 0.5, 0.5)


def test_where_comparisons_are_wrong_more_often_than_right_more_of_them_make_it_worse() -> None:
    assert failure(16, 1, 0.5, 0.4) < failure(16, 15, 0.5, 0.4)


def test_half_of_the_comparisons_are_shown_the_other_way_round() -> None:
    assert failure(16, 8, 0.5, 0.9, bias=1.0) == pytest.approx(0.5, abs=0.06)  # only position counts: nobody gains
    assert failure(16, 8, 0.5, 0.9, bias=0.5) < 0.02


def test_with_a_score_that_never_ties_the_best_one_wins_in_every_order() -> None:
    for n in (2, 3, 4, 5):
        for scores in permutations(range(n)):
            pool = BlindPool.of([f"a{score}" for score in scores], {"s": scores})
            election = Knockout(scores=("s",)).elect(pool)
            assert election.top(pool) == (f"a{n - 1}",)
            assert election.comparisons is not None
            assert election.comparisons.tolist() == [n - 1]


def test_several_scores_vote_on_each_pair_and_who_abstains_does_not_play() -> None:
    pool = BlindPool.of(["a", "b", None], {"s": [2.0, 1.0, 9.0], "t": [1.0, 2.0, 9.0], "u": [1.0, 2.0, 9.0]})
    for seed in range(4):
        assert Knockout(scores=("s", "t", "u"), comparisons=3, seed=seed).elect(pool).top(pool) == ("b",)
    assert {Knockout(scores=("s", "t"), comparisons=2, seed=seed).elect(pool).top(pool)[0] for seed in range(12)} == {
        "a",
        "b",
    }


def test_repeated_comparisons_of_one_stored_score_are_one_vote() -> None:
    pool = BlindPool.of(["a", "b"], {"s": [2.0, 1.0], "t": [1.0, 2.0], "u": [1.0, 2.0]})
    for scores, comparisons in ((("s",), 5), (("s", "t", "u"), 4), (("s", "t", "u"), 9)):
        election = Knockout(scores=scores, comparisons=comparisons).elect(pool)
        assert election.top(pool) == (("a",) if scores == ("s",) else ("b",))
        assert election.comparisons is not None
        assert election.comparisons.tolist() == [len(scores)]
    # A fourth comparison of three scores would give s a second vote, and a lot would decide.
    winners = {Knockout(scores=("s", "t"), comparisons=3, seed=seed).elect(pool).top(pool)[0] for seed in range(12)}
    assert winners == {"a", "b"}
