"""Scorers that read what the engine measured while it drew; nothing is recomputed.

All depend on the model's vocabulary (padding rows included), so they rank completions of one model and do not compare
models. A completion without the measurement gets no score, never 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Completion, Problem, Score


@dataclass(frozen=True, slots=True)
class SelfCertainty:
    """Mean KL divergence of the model from the uniform distribution, per token (Kang et al., 2025), as measured."""

    name = "self_certainty"
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion that has the measurement, in input order; nats."""
        for completion in completions:
            if completion.self_certainty is not None:
                yield Score(completion.id, problem.id, self.name, self.version, completion.self_certainty)


@dataclass(frozen=True, slots=True)
class LogprobPerToken:
    """Mean log-probability of the sampled tokens: their sum divided by their number."""

    name = "logprob_per_token"
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion with a log-probability and at least one token, in input order; nats per
        token.
        """
        for completion in completions:
            if completion.logprob_sum is not None and completion.tokens_out:
                value = completion.logprob_sum / completion.tokens_out
                yield Score(completion.id, problem.id, self.name, self.version, value)


@dataclass(frozen=True, slots=True)
class LogprobSum:
    """Summed log-probability of the drawn tokens, the end marker among them: it falls with the length of the text."""

    name = "logprob_sum"
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion with a log-probability, in input order; nats."""
        for completion in completions:
            if completion.logprob_sum is not None:
                yield Score(completion.id, problem.id, self.name, self.version, completion.logprob_sum)
