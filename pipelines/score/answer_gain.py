"""Scorer `answer_gain`: by how much an explanation raises the log-probability of the reference (ExPO, Zhou et al. 2025).

log p(reference | question, explanation) - log p(reference | question), nats, the reference standing behind the marker of a
final answer both times. The question of a follow-up is the one that the run's roots were asked (`root_prompts`), never its
own prompt, which told it the answer. An explanation that merely says the answer again gains as much as one that leads to
it: combine it with `likelihood` and `alone: true`, which prefers what the model would have written by itself. The scorer
sees the reference.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rollmill.ground.records import Completion, Problem, Prompt, Request, Score
from rollmill.pipelines.score.asking import took
from rollmill.pipelines.score.text_likelihood import ReferenceLikelihood, root_prompts
from rollmill.roles.protocols import Candidates


@dataclass(kw_only=True)
class AnswerGain(ReferenceLikelihood):
    """Gain of the reference's log-probability by the completion, which is cut after its last `marker`.

    No score for a text without the marker or one that was cut off, nor without a reference.
    """

    name: str = field(init=False, default="answer_gain")

    @property
    def version(self) -> str:
        """Version with the model and the marker."""
        return self.versioned("1", marker=self.marker, **({"ending": self.ending} if self.ending else {}))

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion with a marked answer, in input order."""
        pairs: list[tuple[Problem, Completion, Request, Request]] = []
        for group in groups:
            for prompt, completion in root_prompts(group) if group.problem.reference.strip() else ():
                told = self._asked_for(group.problem, prompt, completion)
                if told is not None:
                    pairs.append((group.problem, completion, told, self._untold(group.problem, prompt)))
        asked = [request for _, _, *both in pairs for request in both]
        replies, uses = self.sample(asked), Counter(request.completion_id for request in asked)
        for problem, completion, *both in pairs:
            answers = [replies[request.completion_id] for request in both]
            told_sum, untold_sum = (answer.logprob_sum for answer in answers)
            if told_sum is not None and untold_sum is not None:
                gain = told_sum - untold_sum
                yield Score(completion.id, problem.id, self.name, self.version, gain, None, **took(answers, uses))

    def _untold(self, problem: Problem, prompt: Prompt) -> Request:
        """The reference directly after the marker, without any reasoning."""
        return self.request(prompt, f" {problem.reference}{self.ending}", behind=self.marker)
