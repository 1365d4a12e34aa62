"""Scorers `likelihood` and `reference_likelihood`: the likelihood of a text under a model that need not have drawn it.

`likelihood` is the log-probability of the completion as the model's answer to its full prompt, with template and worked
examples. `reference_likelihood` is VeriFree's reward (Zhou et al. 2025): the probability of the reference after the
completion's own reasoning, cut after the marker of its final answer. It is the probability that the answer drawn there is
the reference, letter for letter, so it is too low for answers with several spellings. It sees the reference, so it may
choose training data and elects no answer.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Prompt, Request, Score
from rollmill.pipelines.score.asking import AskingScorer, took
from rollmill.roles.protocols import Candidates


def root_prompts(group: Candidates) -> Iterator[tuple[Prompt, Completion]]:
    """Pairs of a prompt and a completion, a follow-up with the prompt of the first root instead of its own."""
    pairs = list(group.prompted())
    roots = [prompt for prompt, completion in pairs if completion.id not in group.follow_ups]
    question = roots[0] if roots else group.problem.prompt
    for prompt, completion in pairs:
        yield (question if completion.id in group.follow_ups else prompt), completion


@dataclass(kw_only=True)
class GivenTextScorer(AskingScorer):
    """A scorer over the log-probabilities of the completion's own tokens. An empty text has no score."""

    @property
    def version(self) -> str:
        """Version with the model and the options."""
        raise NotImplementedError

    def value_of(self, answer: Completion) -> float | None:
        """The score of a text that the model has read; None if it is undefined."""
        raise NotImplementedError

    def prompted(self, group: Candidates) -> Iterator[tuple[Prompt, Completion]]:
        """Pairs of a prompt and the completion that is scored behind it."""
        return group.prompted()

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion that has a text and fits into the context, in input order."""
        items = [
            (group.problem, prompt, completion)
            for group in groups
            for prompt, completion in self.prompted(group)
            if completion.text  # white space alone has a likelihood too
        ]
        requests = [self.request(prompt, completion.text) for _, prompt, completion in items]
        replies, uses = self.sample(requests), Counter(request.completion_id for request in requests)
        for (problem, _, completion), request in zip(items, requests, strict=True):
            answer = replies[request.completion_id]
            value = self.value_of(answer)
            if value is not None:
                yield Score(completion.id, problem.id, self.name, self.version, value, None, **took([answer], uses))


@dataclass(kw_only=True)
class Likelihood(GivenTextScorer):
    """Log-probability of the completion's text, `per_token` (mean) or summed; nats. An empty text has no score."""

    per_token: bool = True
    """Mean over the tokens instead of their sum."""
    alone: bool = False
    """Score after the question of the roots, not after a follow-up's own prompt."""
    name: str = field(init=False, default="likelihood")

    @property
    def version(self) -> str:
        """Version with the model."""
        return self.versioned("2", per_token="yes" if self.per_token else "no", **({"alone": "yes"} if self.alone else {}))

    def prompted(self, group: Candidates) -> Iterator[tuple[Prompt, Completion]]:
        """Pairs of a prompt and the completion that is scored behind it."""
        return root_prompts(group) if self.alone else group.prompted()

    def value_of(self, answer: Completion) -> float | None:
        """The log-probability of the text."""
        if answer.logprob_sum is None or not answer.logprobs:
            return None
        return answer.logprob_sum / (len(answer.logprobs) if self.per_token else 1)


@dataclass(kw_only=True)
class ReferenceLikelihood(AskingScorer):
    """Probability of the reference after the completion, cut after the last `marker` and the spaces that follow it.

    `ending`: the end of an answer, `</answer>` or the model's end marker; without it 19 counts where 190 would follow. 0
    if there is no marker or the text was cut off. The model should be the one that drew: the cut respects its tokens.
    """

    marker: str = "####"
    """Text that precedes the answer."""
    ending: str = ""
    """Text that ends an answer, such as the model's end marker."""
    name: str = field(init=False, default="reference_likelihood")

    def __post_init__(self) -> None:
        # A space at its end would take the space that belongs to the answer's first token.
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
        """The reference after the reasoning; None if the text has no place for it."""
        head, marker, tail = completion.text.rpartition(self.marker)
        if not marker or completion.finish_reason == "length":
            return None
        # In most vocabularies the space begins the next token, so it stands with the reference and not before the cut.
        spaces = tail[: len(tail) - len(tail.lstrip())]
        return self.request(prompt, spaces + problem.reference + self.ending, behind=head + marker)
