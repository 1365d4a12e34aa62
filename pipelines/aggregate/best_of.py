"""Aggregators that use the score of an answer, not only votes: `best_of_n`, `best_of_majority`, `rerank`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rollmill.pipelines.option_checks import checked_choice, checked_count, checked_share
from rollmill.roles.blind_pool import NEVER, BlindPool, Election, Flags, Floats, Need, elected_only, in_order

Reward = Literal["mean", "max"]
REWARDS = ("mean", "max")


@dataclass(frozen=True, slots=True)
class BestOfNElection:
    """The answer of the completion with the best score.

    A completion without an answer is never elected, whatever its score. Answers whose completions have no score come after
    all others, by their votes.
    """

    name: ClassVar[str] = "best_of_n"
    version: ClassVar[str] = "2"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "logprob_per_token"
    """Name of the score to rank by."""

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score."""
        return ({"score": score} for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by the largest score of their completions."""
        best = pool.largest(pool.score(self.score))
        return Election(_chosen_first(pool, best > NEVER, best))


@dataclass(frozen=True, slots=True)
class BestOfMajority:
    """The k answers with the best rewards, among those that at least a share `alpha` of the completions give.

    Best-of-Majority (2025): the threshold keeps rare answers out whose reward is wrong by much, so it does not degrade as N
    grows; with N too small for the right answer to come up often enough it does harm. Where fewer than k answers reach the
    threshold the others follow by their votes, then by reward (the paper leaves this open). The reward of an answer is the
    mean (`of: mean`) or the largest score of its completions.
    """

    name: ClassVar[str] = "best_of_majority"
    version: ClassVar[str] = "2"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "logprob_per_token"
    """Name of the score to rank by."""
    alpha: float = 0.1
    """Share of the completions that an answer needs."""
    of: Reward = "mean"
    """Reward of an answer: the `mean` or the `max` of its completions' scores."""

    def __post_init__(self) -> None:
        checked_share("aggregator", self.name, "alpha", self.alpha)
        checked_choice("aggregator", self.name, "of", self.of, REWARDS)

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score at four thresholds."""
        return ({"score": score, "alpha": alpha} for alpha in (0.1, 0.05, 0.2, 0.3) for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """Survivors by reward, the others by votes."""
        counts, rewards = pool.counts, _rewards(pool, self.score, self.of)
        enough = counts >= self.alpha * pool.sizes[:, None] - 1e-9
        return Election(_chosen_first(pool, enough, rewards))


@dataclass(frozen=True, slots=True)
class ClusterRerank:
    """The answer with the best reward among the `clusters` answers with the most votes; 0 takes all answers.

    Solution-cluster re-ranking (Liu et al. 2023, arXiv:2310.10047): the majority proposes, a score decides. Answers that
    tie for the last place are all taken. The reward is the mean score of an answer's completions, or the largest.
    """

    name: ClassVar[str] = "rerank"
    version: ClassVar[str] = "2"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "logprob_per_token"
    """Name of the score to rank by."""
    clusters: int = 2
    """Most frequent answers to choose from; 0 takes all."""
    of: Reward = "mean"
    """Reward of an answer: the `mean` or the `max` of its completions' scores."""

    def __post_init__(self) -> None:
        checked_count("aggregator", self.name, "clusters", self.clusters, least=0)
        checked_choice("aggregator", self.name, "of", self.of, REWARDS)

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score over the top two, the top four and all clusters."""
        return ({"score": score, "clusters": clusters} for clusters in (2, 4, 0) for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """The top clusters by reward, the others by votes."""
        counts = pool.counts
        taken = self.clusters or counts.shape[1]
        least = np.sort(counts, axis=1)[:, ::-1][:, min(taken, counts.shape[1]) - 1, None] if counts.size else counts
        return Election(_chosen_first(pool, (counts >= least) & (counts > 0), _rewards(pool, self.score, self.of)))


def _rewards(pool: BlindPool, score: str, of: Reward) -> Floats:
    values = pool.score(score)
    return pool.mean(values) if of == "mean" else pool.largest(values)


def _chosen_first(pool: BlindPool, chosen: Flags, rewards: Floats) -> Floats:
    """The chosen answers by reward, then the others by votes and reward; an answer without a reward after its equals."""
    share = np.where(np.isfinite(rewards), in_order(rewards), -0.25)
    return elected_only(pool, np.where(chosen, pool.sizes[:, None] + 1.0 + share, pool.counts + share / 2.0))
