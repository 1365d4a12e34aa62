"""Scorer `pair_covariance`: the rise of an answer's probability after the model was shown that answer.

p(y | x) * (p(y | x, y shown) - p(y | x)), the covariance of two answers y of a model that predicts pairs (Johnson et al.
2024, arXiv:2402.08733). For a model trained on pairs of independent answers (export `answer_pairs`) it is the variance of
the true probability of y among the problems that the model cannot tell apart: 0 where it knows the distribution of the
answers, however wide that is. Any other model merely copies, so its number means nothing.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Message, Prompt, Score
from rollmill.pipelines.score.asking import AskingScorer, took
from rollmill.roles.protocols import Candidates


@dataclass(kw_only=True)
class PairCovariance(AskingScorer):
    """Score with both probabilities as its steps: without and with the answer in view. Less is more certain.

    `again`: the user's turn after the first answer, as in the export.
    """

    again: str = "Answer again, independently."
    """Text that asks for the second answer."""
    name: str = field(init=False, default="pair_covariance")

    def __post_init__(self) -> None:
        if not self.again.strip():
            raise SetupError(f"scorer {self.name!r}: again is empty.", choices=("the text that asked for second answers",))

    @property
    def version(self) -> str:
        """Version with the model and the text between the answers."""
        return self.versioned("1", again=sha256_text(self.again)[:8])

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion that has a text and fits into the context, in input order."""
        items = [(group.problem, *pair) for group in groups for pair in group.prompted() if pair[1].text]
        requests = [
            (self.request(prompt, completion.text), self.request(self._shown(prompt, completion.text), completion.text))
            for _, prompt, completion in items
        ]
        flat = [request for pair in requests for request in pair]
        replies, uses = self.sample(flat), Counter(request.completion_id for request in flat)
        for (problem, _, completion), pair in zip(items, requests, strict=True):
            answers = [replies[request.completion_id] for request in pair]
            sums = [answer.logprob_sum for answer in answers if answer.logprob_sum is not None]
            if len(sums) == 2:
                # Rounding may put a sum of log-probabilities above 0, and a probability ends at 1.
                alone, shown = (math.exp(min(0.0, total)) for total in sums)
                steps = (alone, shown)
                value = alone * (shown - alone)
                yield Score(completion.id, problem.id, self.name, self.version, value, steps, **took(answers, uses))

    def _shown(self, prompt: Prompt, answer: str) -> Prompt:
        """The prompt, the answer, and the request for another answer."""
        turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
        return (*turns, Message("assistant", answer), Message("user", self.again))
