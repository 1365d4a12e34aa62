"""Process `reward_model`: rates partial answers with a reward-model server.

The scorer of the same name asks it, so every number is stored, charged to the run (purpose `score`), held within its limit
and requested once; a resumed run uses the stored numbers. Where the servers are is the profile's to say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import FoundWanting, unknown_name
from rollmill.ground.records import Problem
from rollmill.pipelines.rating_options import RatingOptions, values_of
from rollmill.pipelines.score.reward_model import RewardModelScorer
from rollmill.pipelines.search.partial import Partial
from rollmill.roles.engine_roles import Sampler, Samplers

SCALES = ("chance", "logistic")
NO_OPINION = 0.5


@dataclass(kw_only=True)
class RewardProcess(RatingOptions):
    """The options are those of the scorer. `scale`: `chance` if its numbers are from 0 to 1, or `logistic` if they are
    log-odds. A text that the server refuses, and one without a word, gets one half.
    """

    scale: str = "chance"
    """Range of the numbers: `chance` from 0 to 1, or `logistic` for log-odds."""
    sampler: Sampler | None = None
    samplers: Samplers | None = field(default=None, repr=False)
    name: str = field(init=False, default="reward_model")
    version: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise unknown_name("scale of process 'reward_model'", self.scale, SCALES)
        # "1" split lines at form feeds and other separators as well.
        self.version = "2" if self.by_lines else "1"
        options = values_of(self, RatingOptions)
        self._scorer = RewardModelScorer(**options, sampler=self.sampler, samplers=self.samplers)

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text; FoundWanting for a rating that is not a probability."""
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
                f"process 'reward_model': {self.model} gave {number:g}, which is not a probability.",
                next_command="scale: logistic",
            )
        return number
