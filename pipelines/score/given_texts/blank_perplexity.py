"""Scorer `blank_perplexity`: 1 if the right option has the least perplexity at the answer's place in the question.

BOSE (2025) evaluates base models, which follow no instruction, in this way: each option is written into the blank of the
question, and the text from the option on is rated per token. A question without a blank is followed by its answer. All
completions of a problem have the same number; its mean over problems (metric `mean_score`) is the accuracy.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.records import Problem, Request, Score
from rollmill.pipelines.score.asking import AskingScorer, prompt_text, took
from rollmill.pipelines.verify.choice import options_of, same_text
from rollmill.roles.protocols import Candidates

BLANK = re.compile(r"_{3,}|\[blank\]|\(blank\)", re.IGNORECASE)
_BULLET = r"(?:[-*•][ \t]+)?"
_MARK = rf"(?<![\w\\]){_BULLET}(?:\*\*)?\(?[Aa][).:](?:\*\*)?\s*"
_TIE = 1e-9  # of perplexities that rounding alone tells apart


@dataclass(kw_only=True)
class BlankPerplexity(AskingScorer):
    """From 0 to 1: the right option's share of the options of least perplexity. No score for a problem without options."""

    answer: str = " "
    """Text between a question without a blank and its answer."""
    name: str = field(init=False, default="blank_perplexity")

    @property
    def version(self) -> str:
        """Version with the model and the text before answers."""
        return self.versioned("1", answer=repr(self.answer))

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion of a multiple-choice problem, in input order."""
        asked = [(group, self._requests(group.problem)) for group in groups]
        requests = [request for group, parts in asked for request in parts.values() for _ in group.completions]
        replies, uses = self.sample(requests), Counter(request.completion_id for request in requests)
        for group, parts in asked:
            answers = {letter: replies[request.completion_id] for letter, request in parts.items()}
            if not answers or any(answer.logprob_sum is None or not answer.logprobs for answer in answers.values()):
                continue
            surprise = {
                letter: -(answer.logprob_sum or 0.0) / len(answer.logprobs or (0.0,)) for letter, answer in answers.items()
            }
            least = min(surprise.values())
            best = [letter for letter, value in surprise.items() if math.isclose(value, least, rel_tol=_TIE)]
            value = (right_letter(group.problem) in best) / len(best)
            for completion in group.completions:
                cost = took(list(answers.values()), uses)
                yield Score(completion.id, group.problem.id, self.name, self.version, value, None, **cost)

    def _requests(self, problem: Problem) -> Mapping[str, Request]:
        """The request for each option, by letter; empty unless one of them is right."""
        options = options_of(problem.meta, prompt_text(problem.prompt))
        if right_letter(problem) not in options:
            return {}
        stem = stem_of(problem, options)
        before, behind = blank_of(stem, self.answer)
        return {letter: self.request(stem, text + behind, behind=before) for letter, text in options.items()}


def right_letter(problem: Problem) -> str:
    """Letter of the right option, by the reference's letter or text; empty if it is no option."""
    options = options_of(problem.meta, prompt_text(problem.prompt))
    letter = problem.reference.strip().strip("().").upper()
    if letter in options:
        return letter
    return next((name for name, text in options.items() if same_text(text) == same_text(problem.reference)), "")


def stem_of(problem: Problem, options: Mapping[str, str]) -> str:
    """The question without the list of its options."""
    text = prompt_text(problem.prompt)
    # Behind its letter or on a line of its own: the words of an option may stand in the question too.
    first = re.escape(next(iter(options.values())))
    listed = list(re.finditer(rf"(?m){_MARK}{first}|^[ \t]*{_BULLET}{first}[ \t]*$", text))
    return (text[: listed[-1].start()] if listed else text).rstrip()


def blank_of(stem: str, answer: str) -> tuple[str, str]:
    """The texts before and after an answer: both sides of the blank; without a blank, the question and an empty text."""
    blank = BLANK.search(stem)
    return (stem + answer, "") if blank is None else (stem[: blank.start()], stem[blank.end() :])
