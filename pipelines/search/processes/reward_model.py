"""Process `reward_model`: what a server that rates texts finds a begun answer worth.

The scorer of the same name asks it, so every number is stored, charged to the run (purpose `score`), held within its limit
and asked for once; a resumed run goes by the numbers that it was given. Where the servers are is the profile's to say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.engine_roles import Sampler, Samplers
from pipelines.score.reward_model import RewardModelScorer
from pipelines.search.partial import Partial
from storage.ground.errors import FoundWanting, unknown_name
from storage.ground.records import Problem

SCALES = ("chance", "logistic")
NO_OPINION = 0.5


@dataclass(kw_only=True)
class RewardProcess:
    """The options are those of the scorer. `scale`: `chance`, where its numbers lie from 0 to 1, or `logistic`, where they
    are log-odds. A text that the server refuses, and one without a word, is worth one half.
    """

    model: str
    """Name of the rating model, as the server lists it."""
    api: str = "score"
    """Request form: `score`, `classify` or `json`."""
    path: str = ""
    label: int | str | None = None
    """Class whose probability is the value, by place or name; none: the last."""
    template: str = ""
    """Text to classify, with `{problem}` and `{answer}`; empty: the conversation."""
    key: str = "score"
    """Path to the number in a JSON reply."""
    revision: str | None = None
    """Your name for this state of the model."""
    extra: Mapping[str, Any] | None = None
    """More keys for the request's body."""
    by_lines: bool = False
    """Rate the text up to each line."""
    reduce: str = "last"
    """What makes one value of the lines: `last`, `min`, `mean` or `product`."""
    scale: str = "chance"
    """Range of the numbers: `chance` from 0 to 1, or `logistic` for log-odds."""
    sampler: Sampler | None = None
    samplers: Samplers | None = field(default=None, repr=False)
    name: str = field(init=False, default="reward_model")
    version: str = field(init=False, default="1")

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise unknown_name("scale of process 'reward_model'", self.scale, SCALES)
        names = ("model", "api", "path", "label", "template", "key", "revision", "extra", "by_lines", "reduce")
        options = {name: getattr(self, name) for name in names}
        self._scorer = RewardModelScorer(**options, sampler=self.sampler, samplers=self.samplers)

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text; FoundWanting for a rating that is no probability."""
        worded = [partial.text for partial in partials if partial.text.strip()]
        ratings = dict(zip(worded, self._scorer.rated([(problem, text) for text in worded]), strict=True))
        return [self._share(ratings[partial.text].value) if partial.text in ratings else NO_OPINION for partial in partials]

    def _share(self, number: float | None) -> float:
        if number is None:
            return NO_OPINION
        if self.scale == "logistic":
            return 1.0 / (1.0 + math.exp(-number)) if number > 0 else math.exp(number) / (1.0 + math.exp(number))
        if not 0 <= number <= 1:
            raise FoundWanting(
                f"process 'reward_model': {self.model} gave {number:g}, which is no chance.", next_command="scale: logistic"
            )
        return number
