"""Answers of one model in an evaluation, beyond right and wrong: distinct right solutions, copies, entropy, length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rollmill.ground.solutions import solution_key
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.pools import scope_pool


@dataclass(frozen=True, slots=True)
class ModelAnswers:
    """Answers of a model. `distinct`: number of different right solutions of each solved problem, by benchmark and id.
    `right`: right completions. `entropy`: mean over tokens of -log p, None where no log-probability is stored; drawn at
    temperature 1 it estimates the model's entropy per token. `length`: mean tokens of a completion.
    """

    distinct: Mapping[tuple[str, str], int] = field(default_factory=dict)
    right: int = 0
    entropy: float | None = None
    length: float | None = None

    def row(self) -> dict[str, Any]:
        """The numbers of the report."""
        solutions = sum(self.distinct.values())
        return {
            "distinct": solutions / len(self.distinct) if self.distinct else None,
            "duplicates": 1 - solutions / self.right if self.right else None,
            "entropy": self.entropy,
            "length": self.length,
        }


def model_answers(ws: Any, cells: Sequence[Mapping[str, Any]], row: str) -> ModelAnswers:
    """The answers of the model of one row of an evaluation, over all benchmarks."""
    reader = Reader(ws)
    keys: dict[tuple[str, str], set[str]] = {}
    right, logprobs, tokens_rated = 0, 0.0, 0
    lengths: list[int] = []
    for cell in cells:
        if cell["model"] != row:
            continue
        answered = scope_pool(run_scope(reader, cell["run"]), answers=False)
        pool, texts = answered.pool, answered.texts()
        for at in np.flatnonzero(pool.has("correct")).tolist():
            right += 1
            key = (cell["benchmark"], pool.problems[pool.problem[at]])
            keys.setdefault(key, set()).add(solution_key(texts[at]))
        known = pool.tokens >= 0
        lengths += pool.tokens[known].tolist()
        sums = pool.scores.get("logprob_sum")
        if sums is not None:
            rated = known & ~np.isnan(sums)
            logprobs, tokens_rated = logprobs + float(sums[rated].sum()), tokens_rated + int(pool.tokens[rated].sum())
    entropy = -logprobs / tokens_rated if tokens_rated else None
    length = float(np.mean(lengths)) if lengths else None
    return ModelAnswers({key: len(solutions) for key, solutions in sorted(keys.items())}, right, entropy, length)
