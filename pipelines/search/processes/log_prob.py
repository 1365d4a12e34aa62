"""Process `logprob`: how likely the model finds its own text, per token or as a whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.option_checks import checked_choice
from rollmill.pipelines.search.partial import Partial


@dataclass(frozen=True, slots=True)
class LogProb:
    """exp(mean log-probability of the tokens so far): the geometric mean of their probabilities; or their product."""

    name = "logprob"
    version = "1"
    by: str = "token"
    """Geometric mean by `token`, or the probability of the whole `text`, which never rises as it goes on."""

    def __post_init__(self) -> None:
        checked_choice("process", self.name, "by", self.by, ("token", "text"))

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text; SetupError if the engine gives no log-probabilities."""
        del problem
        return [self._probability(partial) for partial in partials]

    def _probability(self, partial: Partial) -> float:
        if partial.logprob is None:
            raise SetupError("process 'logprob': the engine gives no log-probabilities.", choices=("lines",))
        tokens = max(1, partial.tokens) if self.by == "token" else 1
        return math.exp(min(0.0, partial.logprob / tokens))
