"""Process `rollouts`: where a begun answer leads, by completions that are drawn from it to the end; label-free.

A rollout is worth the share of all answers known for the problem that are the same as its own, and a begun answer the mean
over its rollouts: the alignment of phi-decoding with equal answers as clusters. The share of the most common answer among
a text's own rollouts would not do: every finished answer is sure of itself, so it would always be worth 1.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rollmill.ground.records import Problem
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.search.partial import Partial, PieceDraws
from rollmill.pipelines.verify.extract import final_answer
from rollmill.pipelines.verify.number import plain_number


@dataclass(frozen=True, slots=True)
class Rollouts:
    """`count` completions of each begun answer. Those without an answer agree with none."""

    name = "rollouts"
    version = "1"
    count: int = 4
    """Completions drawn from each begun answer."""
    draws: PieceDraws = field(init=False)

    def __post_init__(self) -> None:
        checked_count("process", self.name, "count", self.count)
        object.__setattr__(self, "draws", PieceDraws(self.count))

    def read(self, text: str) -> str | None:
        """The final answer, of a plain number its value."""
        answer = final_answer(text)
        if answer is None:
            return None
        number = plain_number(answer)
        return answer.text.strip() if number is None else f"{number.value} {number.scale} {number.unit}".strip()

    def scores(self, problem: Problem, partials: Sequence[Partial]) -> Sequence[float]:
        """Scores, one for each text."""
        del problem
        return [self._agreement(partial) for partial in partials]

    def _agreement(self, partial: Partial) -> float:
        if not partial.said or not partial.known:
            return 0.0
        counts = Counter(partial.known)
        agreeing = sum(counts[answer] for answer in partial.said if answer is not None)
        return agreeing / (len(partial.said) * len(partial.known))
