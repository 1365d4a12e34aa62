"""Aggregator `consensus`: the answer on which a generator and a discriminator agree in equilibrium.

Jacob et al. 2024, The consensus game, arXiv:2310.09139. The generator's initial policy is the share of each answer
among the completions, or their likelihood; the discriminator's is a score between 0 and 1, such as `p_true`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rollmill.pipelines.aggregate.consensus_game import LEAST, ConsensusSettings, consensus
from rollmill.pipelines.option_checks import checked_choice, checked_count, checked_positive
from rollmill.roles.blind_pool import NEVER, BlindPool, Election, Floats, Need, elected_only, in_order

Ranking = Literal["discriminator", "generator"]
VOTES = "votes"
RATE = 10.0
"""Rate of learning at which the averages of 1,000 rounds are near their limit; the paper's is 0.1 with 5,000 rounds."""


@dataclass(frozen=True, slots=True)
class ConsensusElection:
    """Answers by the equilibrium's discriminator (the paper's ER-D) or generator (ER-G).

    An answer without a score has a discriminator of one half. Scores beyond 0 and 1 are no probabilities: each answer's
    place among them stands for its score. Given `incorrect`, the generator has no preference unless the option names a
    score: the log-likelihood of the text behind a prompt that asks for a wrong answer.
    """

    name: ClassVar[str] = "consensus"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("scores",)
    score: str = "p_true"
    """Score of the discriminator: the probability that an answer is correct, the mean over its completions."""
    generator: str = VOTES
    """`votes`, the share of each answer, or a score that is a log-likelihood; the largest of an answer's completions."""
    incorrect: str = ""
    """Score that is the log-likelihood given that the answer should be wrong; empty: all answers alike."""
    of: Ranking = "discriminator"
    """Player whose policy ranks the answers."""
    pull: float = 0.1
    """Weight of the initial policies; a large one gives these back."""
    rounds: int = 1_000
    """Rounds of play."""

    def __post_init__(self) -> None:
        checked_choice("aggregator", self.name, "of", self.of, ("discriminator", "generator"))
        checked_positive("aggregator", self.name, "pull", self.pull)
        checked_count("aggregator", self.name, "rounds", self.rounds)

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """Each score as the discriminator."""
        return ({"score": score} for score in scores)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by their probability of `correct`, or by the probability of each given `correct`."""
        counts = pool.counts
        scores = pool.score(self.score)
        judged = pool.mean(scores)
        beyond = ((scores < 0) | (scores > 1)).any(axis=1, keepdims=True)
        chances = np.where(beyond, in_order(judged), judged)
        right = np.clip(np.where(judged > NEVER, chances, 0.5), LEAST, 1 - LEAST)
        wrong = np.ones(counts.shape) if not self.incorrect else _likelihood(pool, self.incorrect)
        spoken = counts if self.generator == VOTES else _likelihood(pool, self.generator)
        played = consensus(
            np.stack([spoken, wrong], axis=1),
            np.stack([right, 1 - right], axis=1),
            ConsensusSettings(self.pull, RATE, self.rounds),
            (counts > 0).astype(float),
        )
        policy = played.discriminator if self.of == "discriminator" else played.generator
        return Election(elected_only(pool, np.round(policy[:, 0], 9)))


def _likelihood(pool: BlindPool, score: str) -> Floats:
    """(R, A) likelihoods up to a factor, of the largest log-likelihood of each answer's completions; unknown ones are 0."""
    best = pool.largest(pool.score(score))
    known = best > NEVER
    largest = np.where(known, best, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    return np.where(known, np.exp(np.where(known, best - np.where(np.isfinite(largest), largest, 0.0), 0.0)), 0.0)
