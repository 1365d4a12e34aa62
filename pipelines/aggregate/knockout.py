"""Aggregator `knockout`: completions meet in pairs, each pair is compared K times, the winner advances.

Chen et al. 2024 (arXiv:2411.19477): with a chance p_gen that a completion is right and a chance p_comp > .5 that one
comparison of a right and a wrong one favours the right one, the failure falls exponentially in N and K (`knockout_bound`).
Where p_comp is below .5 for a problem, more comparisons make it worse, and no N helps.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from rollmill.pipelines.option_checks import checked_count, refused
from rollmill.roles.blind_pool import BlindPool, Election, Flags, Floats, Ints, Need, elected_only


class Comparer(Protocol):
    """Compares two completions: a judge, a reward model, stored scores.

    `first`, `second`: (R, P) places in the subsets' columns, shown in this order. `vote`: which of the K comparisons it is.
    Gives (R, P): 1 if the first is better, -1 if the second is, 0 if it cannot decide. The caller swaps the order in
    half of the comparisons, so that a preference for a position favours neither.
    """

    def __call__(self, pool: BlindPool, first: Ints, second: Ints, vote: int) -> np.ndarray[Any, Any]: ...


@dataclass(frozen=True, slots=True)
class ByScores:
    """Compares by stored scores: each comparison by one of them, in turn, so K scorers vote on a pair.

    A stored score says the same each time, so it has one vote on a pair, however many comparisons there may be.
    """

    scores: tuple[str, ...]

    def __call__(self, pool: BlindPool, first: Ints, second: Ints, vote: int) -> np.ndarray[Any, Any]:
        values = pool.score(self.scores[vote % len(self.scores)])
        ahead = np.take_along_axis(values, first, axis=1) - np.take_along_axis(values, second, axis=1)
        # A comparison with a completion that has no score is a tie.
        return np.sign(np.nan_to_num(ahead, nan=0.0))


@dataclass(frozen=True, slots=True)
class Knockout:
    """N completions, rounds of pairs, `comparisons` (K) per pair; an unpaired one advances.

    Pairs are drawn by a seed; a pair that ties is decided by it too. Without a `comparer` the stored `scores` compare.
    Answers are ranked by the last round that their best completion reached. (N - 1) K comparisons at most.
    """

    name: ClassVar[str] = "knockout"
    version: ClassVar[str] = "2"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    scores: tuple[str, ...] = ("logprob_per_token",)
    """Names of the scores that compare two completions."""
    comparisons: int = 1
    """Comparisons of each pair; by stored scores at most one for each score."""
    seed: int = 0
    """Seed of the pairs and of ties."""
    comparer: Comparer | None = field(default=None, repr=False)
    """Compares two completions, from Python; none: the stored scores do."""

    def __post_init__(self) -> None:
        checked_count("aggregator", self.name, "comparisons", self.comparisons)
        if isinstance(self.scores, str) or (not self.scores and self.comparer is None):
            raise refused("aggregator", self.name, "scores", self.scores, "a list with at least one score")

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """All scores that rank upwards voting on each pair, and each score alone."""
        # The votes of `length` and `-length` would cancel out.
        upward = tuple(score for score in scores if not score.startswith("-"))
        # Two scores that disagree only tie, so at least three vote together.
        if len(upward) > 2:
            yield {"scores": upward, "comparisons": len(upward)}
        yield from ({"scores": (score,)} for score in scores)

    @property
    def votes(self) -> int:
        """Comparisons of a pair that can differ: repeated ones of one stored score are one vote."""
        return self.comparisons if self.comparer is not None else min(self.comparisons, len(self.scores))

    def elect(self, pool: BlindPool) -> Election:
        """Play the rounds until one completion of each subset is left."""
        place = _bracket(pool, self.seed)
        reached = np.zeros(pool.answer.shape)
        played = np.zeros(len(pool), dtype=np.int64)
        round_number = 0
        while place.shape[1] > 1:
            round_number += 1
            place, pairs = self._round(pool, place, round_number)
            rows, columns = np.nonzero(place >= 0)
            reached[rows, place[rows, columns]] = round_number
            played += pairs * self.votes
        return Election(elected_only(pool, pool.largest(reached)), comparisons=played)

    def _round(self, pool: BlindPool, place: Ints, number: int) -> tuple[Ints, Ints]:
        """Winners of each pair, and how many pairs of each subset were compared."""
        if place.shape[1] % 2:
            # -1 stands for nobody, against whom the last completion advances.
            place = np.concatenate([place, np.full((len(place), 1), -1)], axis=1)
        left, right = place[:, ::2], place[:, 1::2]
        both = (left >= 0) & (right >= 0)
        # Places of nobody read column 0; `both` discards what is compared there.
        first, second = np.maximum(left, 0), np.maximum(right, 0)
        compare, votes = self.comparer or ByScores(self.scores), np.zeros(left.shape)
        for vote in range(self.votes):
            swapped = vote % 2 == 1
            preference = compare(pool, second, first, vote) if swapped else compare(pool, first, second, vote)
            votes += -preference if swapped else preference
        lots = _lots(pool, self.seed, number)
        # Lots belong to completions and not to pairs, so a tie of two ends alike in every subset.
        coin = np.take_along_axis(lots, first, axis=1) > np.take_along_axis(lots, second, axis=1)
        left_wins = np.where(votes == 0, coin, votes > 0)
        # -1 comes behind all completions, so in half a pair the left one is there.
        return np.where(both & ~left_wins, right, left), both.sum(axis=1)


def knockout_bound(n: int, k: int, p_gen: float, p_comp: float) -> float:
    """The most that the chance of a wrong winner can be: (1 - p_gen)^N + ceil(log2 N) exp(-2 K (p_comp - .5)^2).

    Theorem 1 of arXiv:2411.19477, for p_comp > .5; it says nothing if it is 1 or more.
    """
    if not p_comp > 0.5:
        raise ValueError(f"p_comp is {p_comp}, and the bound holds above .5")
    return (1.0 - p_gen) ** n + math.ceil(math.log2(n)) * math.exp(-2.0 * k * (p_comp - 0.5) ** 2)


def _bracket(pool: BlindPool, seed: int) -> Ints:
    """(R, N) columns of the completions that have an answer, in an order that the seed decides; -1 after the last."""
    key = np.where(pool.answer >= 0, _lots(pool, seed, 0), np.inf)
    order = np.argsort(key, axis=1, kind="stable")
    in_play: Flags = np.take_along_axis(pool.answer, order, axis=1) >= 0
    # At least one column, for subsets in which no completion has an answer.
    most = max(1, int(in_play.sum(axis=1).max(initial=0)))
    return np.where(in_play, order, -1)[:, :most]


def _lots(pool: BlindPool, seed: int, number: int) -> Floats:
    """(R, N) a number in [0, 1) of each completion, the same in every subset that it is in."""
    drawn = np.random.default_rng([seed, number]).random(int(pool.member.max(initial=-1)) + 1)
    lots: Floats = drawn[pool.member] if len(drawn) else np.zeros(pool.member.shape)
    return lots
