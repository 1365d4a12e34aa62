"""Scorer `forced_answer`: the answer that a solution would give after each line, and the regret of continuing.

Meta reinforcement fine-tuning (Qu et al. 2025, arXiv:2503.07572) ends a reasoning after each of its parts. The success
there is the probability of a right answer after the text so far. The paper draws completions; here it is the probability of
the reference, which is their mean where an answer has one spelling. The score is the normalised regret: 0 for a solution
that is sure of the right answer at once, 1 for one that never is. Its steps are the successes by line, so that
`process_labels` exports them as labels of lines.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Prompt, Request, Score
from rollmill.pipelines.score.asking import AskingScorer, prefixes, took
from rollmill.roles.protocols import Candidates
from rollmill.stats import regret_of_prefixes


@dataclass(kw_only=True)
class ForcedAnswer(AskingScorer):
    """Normalised regret over a solution's lines; none for a problem without a reference, or where a beginning does not fit.

    `ending`: as of `reference_likelihood`. A line with the marker is judged by its own answer, letter for letter.
    """

    marker: str = "####"
    """Text that precedes the answer."""
    ending: str = ""
    """Text that ends an answer, such as the model's end marker."""
    budget: int = 0
    """Tokens over which regret is computed, with the last success kept up to the end; 0: the tokens of the solution."""
    name: str = field(init=False, default="forced_answer")

    def __post_init__(self) -> None:
        if not self.marker.strip() or self.marker != self.marker.strip() or self.budget < 0:
            wrong = f"marker is {self.marker!r}" if self.budget >= 0 else f"budget is {self.budget}"
            raise SetupError(
                f"scorer {self.name!r}: {wrong}.", choices=("marker: a text without spaces around it", "budget: 0 up")
            )

    @property
    def version(self) -> str:
        """Version with the model and the options."""
        given = {"ending": self.ending} if self.ending else {}
        return self.versioned("2", marker=self.marker, budget=self.budget or "own", **given)

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion with a text, in input order."""
        referenced = [group for group in groups if group.problem.reference.strip()]
        items = [
            (group.problem, prompt, completion)
            for group in referenced
            for prompt, completion in group.prompted()
            if completion.text.strip()
        ]
        asked = [self._asked(problem.reference.strip(), prompt, completion) for problem, prompt, completion in items]
        sent = [part for parts in asked for part in parts if isinstance(part, Request)]
        replies, uses = self.sample(sent), Counter(request.completion_id for request in sent)
        for (problem, _, completion), parts in zip(items, asked, strict=True):
            answers = [replies[part.completion_id] for part in parts if isinstance(part, Request)]
            # The regret needs every place, so a text with a beginning that the context cannot hold has none.
            if any(answer.logprob_sum is None for answer in answers):
                continue
            success = [part if isinstance(part, float) else _chance(replies[part.completion_id]) for part in parts]
            value = regret_of_prefixes(success, self._places(completion), self.budget or _tokens(completion))
            # Labels are of lines, and the first success precedes them all.
            steps = tuple(success[1:])
            yield Score(completion.id, problem.id, self.name, self.version, value, steps, **took(answers, uses))

    def _asked(self, reference: str, prompt: Prompt, completion: Completion) -> list[Request | float]:
        """The request before the first line and after each; a success that needs none where the text has answered."""
        parts: list[Request | float] = [self._forced(prompt, "", reference)]
        for text in prefixes(completion.text):
            told = text.rpartition(self.marker)
            parts.append(float(told[2].strip() == reference) if told[1] else self._forced(prompt, f"{text}\n", reference))
        return parts

    def _forced(self, prompt: Prompt, beginning: str, reference: str) -> Request:
        # In most vocabularies the space begins the next token, so it stands with the reference.
        return self.request(prompt, f" {reference}{self.ending}", behind=f"{beginning}{self.marker}")

    def _places(self, completion: Completion) -> list[float]:
        """Tokens before the first line and up to the end of each, by their share of the characters."""
        whole = len(completion.text)
        return [0.0, *(_tokens(completion) * len(text) / whole for text in prefixes(completion.text))]


def _tokens(completion: Completion) -> int:
    # An imported completion may have no token count; characters are the unit then.
    return max(1, completion.tokens_out or len(completion.text))


def _chance(answer: Completion) -> float:
    # Rounding may put a sum of log-probabilities above 0, and a probability ends at 1.
    return math.exp(min(0.0, answer.logprob_sum if answer.logprob_sum is not None else -math.inf))
