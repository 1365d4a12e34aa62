"""Numbers about completions that selectors and people may rank by. Never look at a reference or a verdict."""

from collections.abc import Mapping

from pipelines.score.length import Length
from pipelines.score.likelihood import LogprobPerToken, SelfCertainty

SCORERS: Mapping[str, type[Length] | type[SelfCertainty] | type[LogprobPerToken]] = {
    "length": Length,
    "self_certainty": SelfCertainty,
    "logprob_per_token": LogprobPerToken,
}
