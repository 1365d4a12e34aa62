"""Aggregators `majority`, `weighted` and `borda`: every completion votes for its answer, with equal or unequal weight."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rollmill.pipelines.option_checks import checked_choice, refused
from rollmill.roles.blind_pool import BlindPool, Election, Need, elected_only


@dataclass(frozen=True, slots=True)
class MajorityElection:
    """The answer that most completions give (self-consistency; Wang et al. 2022, arXiv:2203.11171)."""

    name: ClassVar[str] = "majority"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ()

    def elect(self, pool: BlindPool) -> Election:
        """Answers by number of votes."""
        return Election(elected_only(pool, pool.counts))


@dataclass(frozen=True, slots=True)
class WeightedMajority:
    """A vote weighs exp(z / temperature), z the completion's score in standard deviations over the subset.

    Only the order and the relative distances of scores count, so log-probabilities and rewards need no scale of their own.
    A large temperature is a plain majority, a small one the best of n. A completion without a score weighs nothing.
    """

    name: ClassVar[str] = "weighted"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "logprob_per_token"
    """Name of the score to rank by."""
    temperature: float = 1.0
    """Sharpness of the weights: large is a plain majority, small the best of n."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise refused("aggregator", self.name, "temperature", self.temperature, "above 0")

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score at three temperatures."""
        return ({"score": score, "temperature": t} for t in (1.0, 2.0, 0.5) for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by sum of weights."""
        score = pool.score(self.score)
        known = ~np.isnan(score)
        number = np.maximum(known.sum(axis=1, keepdims=True), 1)
        centred = np.where(known, score - np.where(known, score, 0.0).sum(axis=1, keepdims=True) / number, 0.0)
        spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / number)
        z = centred / np.where(spread > 0, spread, 1.0)
        largest = np.where(known, z, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.exp((z - np.where(np.isfinite(largest), largest, 0.0)) / self.temperature)
        return Election(elected_only(pool, pool.total(np.where(known, weights, 0.0))))


@dataclass(frozen=True, slots=True)
class Borda:
    """The answer with the largest sum of weights (N - place)^p, where places go from 0 (best) to N - 1 by a score (Kang et
    al. 2025, arXiv:2502.18581, 4.2).

    p = 0 is the majority vote. The authors use self-certainty and p = .5. Equal scores share the mean weight of their
    places. `ranked`: rank `all` N completions, as in the paper, where one without an answer keeps its place and weakens
    those after it; or only the `answered` ones, whose number is then N.
    """

    name: ClassVar[str] = "borda"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "self_certainty"
    """Name of the score to rank by."""
    p: float = 0.5
    """Exponent of the weights; 0 is the majority vote."""
    ranked: Literal["all", "answered"] = "all"
    """Rank `all` completions, or only the `answered` ones."""

    def __post_init__(self) -> None:
        checked_choice("aggregator", self.name, "ranked", self.ranked, ("all", "answered"))
        if not 0 <= self.p <= 20:
            raise refused("aggregator", self.name, "p", self.p, "between 0 and 20")

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score at the powers of the paper's range."""
        return ({"score": score, "p": p} for p in (0.5, 0.3, 1.0, 2.0) for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by sum of weights."""
        answered = self.ranked == "answered"
        sizes = (pool.answer >= 0).sum(axis=1, keepdims=True) if answered else pool.sizes[:, None]
        left = np.maximum(sizes - np.arange(pool.answer.shape[1]), 0) / np.maximum(sizes, 1)  # a share: no power overflows
        weights = np.where(left > 0, left, 1.0) ** self.p * (left > 0)
        return Election(elected_only(pool, pool.total(pool.by_rank(self.score, weights, answered=answered))))
