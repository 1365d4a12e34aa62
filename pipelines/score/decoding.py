"""Scorers of the figures that a decoder stores with a completion: the weight of its text, target calls, accepted drafts.

A completion without the figure, or with one that depends on the order of drawing (decoder `speculative` with memory:
prompt), has no score; none depends on a reference. The mean of f over the texts that decoder `constrained` stands for is
sum of w f / sum of w over a problem's completions, with w the score `text_weight`; rates, votes and training files count
completions alike, and refuse these. (Aggregator `weighted` takes exp of a standardised score, not the score.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from rollmill.ground.records import Completion, Problem, Score


@dataclass(frozen=True, slots=True)
class _Figure:
    """A number of the completion's meta; None for a completion without."""

    name = ""
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion that has the figure, in input order."""
        for completion in completions:
            figures = completion.meta.get("decode") or {}
            value = self.value_of(completion, {} if "by_order" in figures else figures)
            if value is not None:
                yield Score(completion.id, problem.id, self.name, self.version, value)

    def value_of(self, completion: Completion, figures: Mapping[str, Any]) -> float | None:
        raise NotImplementedError


class TextWeight(_Figure):
    """Weight of a constrained text: how often it counts for the distribution that it stands for. 0 where none was found."""

    name = "text_weight"

    def value_of(self, completion: Completion, figures: Mapping[str, Any]) -> float | None:  # noqa: ARG002
        if "log_weight" not in completion.meta:
            return None
        logarithm = completion.meta["log_weight"]
        return 0.0 if logarithm is None else exp(logarithm)


class CallsPerToken(_Figure):
    """Calls of the target model for each token of the text; 1 without drafts."""

    name = "calls_per_token"

    def value_of(self, completion: Completion, figures: Mapping[str, Any]) -> float | None:
        return figures["target_calls"] / completion.tokens_out if figures and completion.tokens_out else None


class DraftAcceptance(_Figure):
    """Share of the verified places of a speculative text that took a drafted token."""

    name = "draft_acceptance"

    def value_of(self, completion: Completion, figures: Mapping[str, Any]) -> float | None:  # noqa: ARG002
        return figures["accepted"] / figures["verified"] if figures.get("verified") else None


class DraftOptimum(_Figure):
    """Largest acceptance that any rule could have had at these places, by the linear programme's minimal cut."""

    name = "draft_optimum"

    def value_of(self, completion: Completion, figures: Mapping[str, Any]) -> float | None:  # noqa: ARG002
        return figures["optimum"] / figures["verified"] if figures.get("verified") and "optimum" in figures else None
