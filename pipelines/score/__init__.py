"""Numbers about completions that selectors and people may rank by. Never look at a reference or a verdict."""

from collections.abc import Mapping, Sequence

from pipelines.protocols import Scorer
from pipelines.score.length import Length
from pipelines.score.likelihood import LogprobPerToken, SelfCertainty
from storage.records import Completion, Problem, Score

SCORERS: Mapping[str, type[Length] | type[SelfCertainty] | type[LogprobPerToken]] = {
    "length": Length,
    "self_certainty": SelfCertainty,
    "logprob_per_token": LogprobPerToken,
}


def scores_of(
    scorers: Sequence[Scorer], problem: Problem, completions: Sequence[Completion]
) -> dict[str, tuple[Score, ...]]:
    """What each of these scorers gives the completions of one problem, by completion id, in the scorers' order."""
    scores: dict[str, tuple[Score, ...]] = {}
    for scorer in scorers:
        for score in scorer.score(problem, completions):
            scores[score.completion_id] = (*scores.get(score.completion_id, ()), score)
    return scores
