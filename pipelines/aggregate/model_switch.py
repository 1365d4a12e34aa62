"""Aggregator `model_switch`: ask one model after the other until one agrees with itself; all answers so far vote.

ModelSwitch ("Do We Truly Need So Many Samples?", 2025, arXiv:2504.00762). With two models, equal numbers and unanimity the
elected answer is that of the pooled vote, ties to the earlier model, for fewer completions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rollmill.pipelines.option_checks import checked_choice, refused
from rollmill.roles.blind_pool import BlindPool, Election, Floats, Need, elected_only

Weights = Literal["equal", "agreement"]


@dataclass(frozen=True, slots=True)
class ModelSwitch:
    """Stops after a model whose most frequent answer has a share of at least `threshold` of its completions.

    A completion that abstains counts in the share. Ties go to the answer with more votes at the earliest model. `weights:
    agreement` weighs a model's votes by how much it agrees with itself (1/n + (1 - 1/n)(1 - H / log2 of its different
    answers)): compare it with the plain vote, since it can hurt.
    """

    name: ClassVar[str] = "model_switch"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("models",)
    threshold: float = 1.0
    """Agreement of a model with itself from which the next one is not asked."""
    weights: Weights = "equal"
    """Weight of a model's votes: `equal`, or by its `agreement` with itself."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise refused("aggregator", self.name, "threshold", self.threshold, "a share above 0 and at most 1")
        checked_choice("aggregator", self.name, "weights", self.weights, ("equal", "agreement"))

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:  # noqa: ARG004
        """Three thresholds with equal weights, and weights by agreement."""
        yield from ({"threshold": threshold} for threshold in (1.0, 0.8, 0.6))
        yield {"threshold": 1.0, "weights": "agreement"}

    def elect(self, pool: BlindPool) -> Election:
        """Answers by votes of the models that were asked, then by votes of the first, the second ..."""
        asking = np.ones(len(pool), dtype=bool)
        used = np.zeros(pool.answer.shape, dtype=bool)
        by_model: list[Floats] = []
        for model in np.unique(pool.model[pool.drawn]).tolist():
            mine = (pool.model == model) & pool.drawn
            used |= mine & asking[:, None]
            votes = pool.total(mine.astype(float))
            by_model.append(np.where(asking[:, None], votes, 0.0) * self._weight(votes))
            size = mine.sum(axis=1)
            agreed = votes.max(axis=1, initial=0.0) >= self.threshold * np.maximum(size, 1) - 1e-9
            asking &= ~(agreed & (size > 0))
        if not by_model:
            return Election(elected_only(pool, pool.counts), used=used)
        given = np.sum(by_model, axis=0)
        order = _lexicographic(given, *by_model)
        return Election(elected_only(pool, np.where(given > 0, order, -np.inf)), used=used)

    def _weight(self, votes: Floats) -> Floats:
        """(R, 1) the weight of a model's votes, from its votes (R, A)."""
        if self.weights == "equal":
            return np.ones((len(votes), 1))
        n = votes.sum(axis=1, keepdims=True)
        share = votes / np.maximum(n, 1.0)
        entropy = -(share * np.log2(np.where(share > 0, share, 1.0))).sum(axis=1, keepdims=True)
        different = (votes > 0).sum(axis=1, keepdims=True)
        spread = np.where(different > 1, entropy / np.log2(np.maximum(different, 2)), 0.0)
        least = 1.0 / np.maximum(n, 1.0)
        return np.where(n > 0, np.where(different == 1, 1.0, least + (1.0 - least) * (1.0 - spread)), 0.0)


def _lexicographic(*columns: Floats) -> Floats:
    """(R, A) whole numbers in the order of the first column, within equals of the second, and so on."""
    code = np.zeros(columns[0].shape)
    for column in columns:
        values, rank = np.unique(np.round(column, 9), return_inverse=True)
        distinct = np.unique(code * len(values) + rank.reshape(column.shape), return_inverse=True)[1]
        code = distinct.reshape(column.shape).astype(float)
    return code
