"""Process `logprob`: how likely the model finds its own text, per token."""

import math
from collections.abc import Sequence

from pipelines.search.partial import Partial
from storage.ground.errors import SetupError
from storage.ground.records import Problem


class LogProb:
    """exp(mean log-probability of the tokens so far): the geometric mean of their probabilities."""

    name = "logprob"
    version = "1"

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text; SetupError if the engine gives no log-probabilities."""
        del problem
        return [self._mean(partial) for partial in partials]

    def _mean(self, partial: Partial) -> float:
        if partial.logprob is None:
            raise SetupError("process 'logprob': the engine gives no log-probabilities.", choices=("lines",))
        return math.exp(min(0.0, partial.logprob / max(1, partial.tokens)))
