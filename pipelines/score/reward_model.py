"""Scorer `reward_model`: a number from a server that rates texts, vLLM's `/score` and `/classify` or any that speaks JSON.

The profile names the servers (`servers:`, `serve:`); the recipe sets the requests. Asked through the
engine of the same name, so every number is stored, charged, limited and resumed like a completion.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from rollmill.ground.errors import unknown_name
from rollmill.ground.records import Completion, Message, Problem, Prompt, Request, Score
from rollmill.pipelines.rating_options import RatingOptions, values_of
from rollmill.pipelines.score.asking import AskingScorer, prefixes, took
from rollmill.roles.protocols import Candidates

REDUCED: Mapping[str, Callable[[Sequence[float]], float]] = {
    "last": lambda steps: steps[-1],
    "min": min,
    "mean": lambda steps: math.fsum(steps) / len(steps),
    "product": math.prod,
}


class Rating(NamedTuple):
    """Rating of an answer: its number, None if the server refused a part of it; the numbers of its parts; the replies."""

    value: float | None
    steps: tuple[float, ...]
    replies: Sequence[Completion]


@dataclass(kw_only=True)
class RewardModelScorer(RatingOptions, AskingScorer):
    """The number of a rating model (docs/how-to/score-completions.md).

    With `by_lines` the solution up to each line that is not blank is rated. A list of numbers in a server's reply is
    reduced like these steps.
    """

    engine: str = field(init=False, default="reward_model")
    engine_options: Mapping[str, Any] | None = field(init=False, default=None)
    name: str = field(init=False, default="reward_model")

    def __post_init__(self) -> None:
        if self.reduce not in REDUCED:
            raise unknown_name("reduce of scorer 'reward_model'", self.reduce, REDUCED)
        # The sampler gets the model under its own name, so it must not be an option of the engine as well.
        self.engine_options = {name: value for name, value in values_of(self).items() if name != "model"}

    @property
    def version(self) -> str:
        """Version with the requests' options."""
        # "1" split lines at form feeds and other separators as well.
        number, lines = ("2", "yes") if self.by_lines else ("1", "no")
        return self.versioned(number, lines=lines, reduce=self.reduce)

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion that has a text and that the server rates, in input order."""
        pairs = [(group, completion) for group in groups for completion in group.completions if completion.text.strip()]
        # A follow-up answers its own prompt, not the problem's.
        ratings = self.rated(
            [(replace(group.problem, prompt=group.question(completion)), completion.text) for group, completion in pairs]
        )
        # Equal texts are requested once, so the cost of their reply is divided among the scores.
        uses = Counter(reply.id for rating in ratings for reply in rating.replies)
        for (group, completion), rating in zip(pairs, ratings, strict=True):
            if rating.value is not None:
                lines = rating.steps if len(rating.steps) > 1 or self.by_lines else None
                cost = took(rating.replies, uses)
                yield Score(completion.id, group.problem.id, self.name, self.version, rating.value, lines, **cost)

    def rated(self, texts: Sequence[tuple[Problem, str]]) -> list[Rating]:
        """Ratings of these answers, requested all together."""
        requests = [self._requests(problem, text) for problem, text in texts]
        replies = self.sample([request for part in requests for request in part])
        return [self._rating([replies[request.completion_id] for request in part]) for part in requests]

    def _rating(self, replies: Sequence[Completion]) -> Rating:
        given = [_numbers(reply) for reply in replies]
        steps = tuple(number for numbers in given for number in numbers)
        # An empty list is a part that the server refused: a value of the rest would rate another text.
        return Rating(float(REDUCED[self.reduce](steps)) if all(given) else None, steps, replies)

    def _requests(self, problem: Problem, text: str) -> list[Request]:
        """Requests to rate an answer: its text, or its beginnings up to each line."""
        shown = prefixes(text) if self.by_lines else [text]
        return [self.token_request(_conversation(problem.prompt, part)) for part in shown]


def _conversation(prompt: Prompt, answer: str) -> tuple[Message, ...]:
    """The problem's turns with the answer as the last one."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return (*turns, Message("assistant", answer))


def _numbers(reply: Completion) -> list[float]:
    """Numbers of a reply: one or several; none if the server refused the text."""
    numbers = json.loads(reply.text) if reply.text else []
    return [float(number) for number in (numbers if isinstance(numbers, list) else [numbers])]
