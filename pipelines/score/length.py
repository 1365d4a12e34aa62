"""Scorer `length`: characters of a completion's text. It counts no tokens, so it compares across models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.records import Completion, Problem, Score


@dataclass(frozen=True, slots=True)
class Length:
    """The number of Unicode characters of the text; defined for every completion."""

    name = "length"
    version = "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion, in input order."""
        for completion in completions:
            yield Score(completion.id, problem.id, self.name, self.version, float(len(completion.text)))
