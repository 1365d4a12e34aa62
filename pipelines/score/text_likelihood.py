"""Scorers `likelihood` and `reference_likelihood`: how likely a model finds a text that it need not have drawn.

`likelihood` is the log-probability of the completion as the model's answer to its full prompt, with template and worked
examples. `reference_likelihood` is VeriFree's reward (Zhou et al. 2025): the probability of the reference behind the
completion's own reasoning, cut behind the marker of its final answer. It is the expectation of "the answer drawn there is
the reference, letter for letter": where an answer has several spellings it under-scores them. It sees the reference, so it
may choose training data and no answer.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipelines.protocols import Candidates
from pipelines.score.asking import AskingScorer, took
from storage.ground.errors import SetupError
from storage.ground.records import Completion, Problem, Prompt, Request, Score


@dataclass(kw_only=True)
class Likelihood(AskingScorer):
    """Log-probability of the completion's text, `per_token` (mean) or summed; nats. An empty text has no score."""

    per_token: bool = True
    """Mean over the tokens instead of their sum."""
    name: str = field(init=False, default="likelihood")

    @property
    def version(self) -> str:
        """Version with the model."""
        return self.versioned("2", per_token="yes" if self.per_token else "no")

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion that has a text and fits into the context, in input order."""
        items = [
            (group.problem, prompt, completion)
            for group in groups
            for prompt, completion in group.prompted()
            if completion.text
        ]
        requests = [self.request(prompt, completion.text) for _, prompt, completion in items]
        replies, uses = self.sample(requests), Counter(request.completion_id for request in requests)
        for (problem, _, completion), request in zip(items, requests, strict=True):
            answer = replies[request.completion_id]
            if answer.logprob_sum is not None and answer.logprobs:
                value = answer.logprob_sum / (len(answer.logprobs) if self.per_token else 1)
                yield Score(completion.id, problem.id, self.name, self.version, value, None, **took([answer], uses))


@dataclass(kw_only=True)
class ReferenceLikelihood(AskingScorer):
    """Probability of the reference behind the completion, cut behind the last `marker` and the spaces that follow it there.

    `ending`: the end of an answer, `</answer>` or the model's end marker; without it 19 counts where 190 would follow. 0
    if there is no marker or the text was cut off. The model should be the one that drew: the cut respects its tokens.
    """

    marker: str = "####"
    """Text that precedes the answer."""
    ending: str = ""
    """Text that ends an answer, such as the model's end marker."""
    name: str = field(init=False, default="reference_likelihood")

    def __post_init__(self) -> None:
        if not self.marker.strip() or self.marker != self.marker.rstrip():
            raise SetupError(
                f"scorer {self.name!r}: marker is {self.marker!r}.", choices=("a text that ends in no space, #### for one",)
            )

    @property
    def version(self) -> str:
        """Version with the model and the marker."""
        return self.versioned("2", marker=self.marker, **({"ending": self.ending} if self.ending else {}))

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion, in input order; none if the problem has no reference or the context no
        room.
        """
        referenced = [group for group in groups if group.problem.reference.strip()]
        items = [(group.problem, prompt, completion) for group in referenced for prompt, completion in group.prompted()]
        requests = [self._asked_for(*item) for item in items]
        sent = [request for request in requests if request is not None]
        replies, uses = self.sample(sent), Counter(request.completion_id for request in sent)
        for (problem, _, completion), request in zip(items, requests, strict=True):
            if request is None:
                yield Score(completion.id, problem.id, self.name, self.version, 0.0)
                continue
            answer = replies[request.completion_id]
            if answer.logprob_sum is not None:
                # Rounding may put a sum of log-probabilities above 0, and a probability ends at 1.
                value = math.exp(min(0.0, answer.logprob_sum))
                yield Score(completion.id, problem.id, self.name, self.version, value, None, **took([answer], uses))

    def _asked_for(self, problem: Problem, prompt: Prompt, completion: Completion) -> Request | None:
        """The reference behind the reasoning; None if the text has no place for it."""
        head, marker, tail = completion.text.rpartition(self.marker)
        if not marker or completion.finish_reason == "length":
            return None
        # In most vocabularies the space begins the next token, so it stands with the reference and not before the cut.
        spaces = tail[: len(tail) - len(tail.lstrip())]
        return self.request(prompt, spaces + problem.reference + self.ending, behind=head + marker)
