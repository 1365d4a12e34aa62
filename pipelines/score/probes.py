"""Scorers `p_true` and `p_ik`: the probability that a model gives to an answer being true, or to knowing the answer.

The method is that of Kadavath et al. (2022), without their trained head.

The model is asked a question, and the number is p(positive) / (p(positive) + p(negative)) of the two words that may follow.
An engine that scores given texts (embedded, vllm) scores both words; another one draws a token with its `logprobs`, and the
words are searched among the likeliest: with neither, a completion has no score. A probe is a probability only as far as
it is calibrated; `rollmill score` says how far.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Completion, Request, Score
from rollmill.pipelines.score.asking import AskingScorer, prefixes, prompt_text, took
from rollmill.roles.protocols import GROUP, MODEL, Candidates

TRUE_OR_FALSE = """{problem}

Proposed answer:
{answer}

Is the proposed answer:
(A) True
(B) False
The proposed answer is:"""
AMONG_OTHERS = TRUE_OR_FALSE.replace("Proposed answer:", "Some ideas:\n{others}\n\nProposed answer:")
MOST_SHOWN = 64
KNOWN = """{problem}

Before answering: do you know the right answer to this problem?
(A) True
(B) False
The answer is:"""
_PLACE = re.compile(r"\{(problem|answer|others)\}")


@dataclass(kw_only=True)
class Probe(AskingScorer):
    """A question with two words that may follow it. `question`: its text with places, empty for the usual one."""

    question: str = ""
    """Text of the question with its places; empty: the built-in one."""
    positive: str = "True"
    """Word that counts as yes."""
    negative: str = "False"
    """Word that counts as no."""
    usual: str = field(init=False, default="")
    places: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        question_places = _PLACE.findall(self.question or self.usual)
        if set(question_places) != self.places or len(question_places) != len(self.places):
            named = " and ".join(f"{{{place}}}" for place in sorted(self.places))
            raise SetupError(f"scorer {self.name!r}: the question has not just the places it needs.", choices=(named,))
        words = (self.positive, self.negative)  # YAML reads True as a truth value
        if not all(isinstance(word, str) and word.strip() for word in words) or len(set(words)) < 2:
            message = f"scorer {self.name!r}: positive is {words[0]!r} and negative is {words[1]!r}."
            raise SetupError(message, choices=("two words, in quotes",))

    @property
    def version(self) -> str:
        """Version with the model, the question and the words."""
        question = sha256_text(self.question or self.usual)[:8]
        # "1" split lines at form feeds and other separators as well.
        number = "2" if self.by_line() else "1"
        return self.versioned(number, question=question, words=f"{self.positive}/{self.negative}", **self.more())

    def more(self) -> Mapping[str, object]:
        """Further options that change the number."""
        return {}

    def asks(self, group: Candidates, completion: Completion) -> list[str]:
        """The questions about one completion; the last one's answer is its score, those of several are its steps."""
        raise NotImplementedError

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion on which the model has an opinion, in input order."""
        requested = [(g, c, [self._requests(text) for text in self.asks(g, c)]) for g in groups for c in g.completions]
        requests = [request for _, _, parts in requested for part in parts for request in part]
        replies, uses = self.sample(requests), Counter(request.completion_id for request in requests)
        for group, completion, parts in requested:
            answers = [[replies[request.completion_id] for request in part] for part in parts]
            chances = [self._chance(part) for part in answers]
            # A line without a number would leave a gap in the steps.
            if chances and all(chance is not None for chance in chances):
                steps = tuple(chance for chance in chances if chance is not None)
                cost = took([answer for part in answers for answer in part], uses)
                lines = steps if self.by_line() else None
                yield Score(completion.id, group.problem.id, self.name, self.version, steps[-1], lines, **cost)

    def by_line(self) -> bool:
        """True if every line has a number of its own."""
        return False

    def filled(self, **texts: str) -> str:
        """The question with texts in its places; inserted texts are never read as a question again."""
        return _PLACE.sub(lambda place: texts[place[1]], self.question or self.usual)

    def _requests(self, text: str) -> list[Request]:
        """Requests of one question: both words, or one token with the likeliest others."""
        model = self.required_sampler()
        if model.scores_texts:
            # Given texts always have a probability; among the likeliest tokens a word may be missing.
            return [self.request(text, word) for word in (self.positive, self.negative)]
        # Refused before anything is asked, because replies may cost money.
        if not (self.engine_options or {}).get("logprobs"):
            raise SetupError(
                f"scorer {self.name!r} needs the log-probabilities of what engine {model.engine!r} might say.",
                next_command="--option 'engine_options={logprobs: 20}'",
            )
        return [self.token_request(text)]

    def _chance(self, answers: Sequence[Completion]) -> float | None:
        """p(positive) / (p(positive) + p(negative)); None if neither is known."""
        if len(answers) == 2:
            sums = [answer.logprob_sum for answer in answers]
            if sums[0] is None or sums[1] is None:
                return None
            # math.exp overflows above 709.
            return 1.0 / (1.0 + math.exp(min(700.0, sums[1] - sums[0])))
        # Of the first token behind the question only.
        near = json.loads(answers[0].top_logprobs or "[]")[:1]
        weights = dict.fromkeys((self.positive, self.negative), 0.0)
        for token, logprob in near[0] if near else ():
            for word in weights:
                # With and without a space, in either case, are several tokens of one word: their chances add up.
                if str(token).strip().casefold() == word.strip().casefold():
                    weights[word] += math.exp(logprob)
        total = sum(weights.values())
        return weights[self.positive] / total if total else None


@dataclass(kw_only=True)
class PTrue(Probe):
    """P(True): how likely the model calls a proposed answer true. `by_lines`: a number for the solution up to each line.

    `shown`: so many other completions of the problem, the first ones, are shown before it (`{others}`); the model then
    knows alternative answers, and the number holds for this set of completions only.
    """

    by_lines: bool = False
    """Ask after each line of the solution."""
    shown: int = 0
    """Other completions of the problem that are shown first."""
    name: str = field(init=False, default="p_true")
    usual: str = field(init=False, default=TRUE_OR_FALSE)
    places: frozenset[str] = field(init=False, default=frozenset({"problem", "answer"}))

    def __post_init__(self) -> None:
        if not 0 <= self.shown <= MOST_SHOWN:
            raise SetupError(f"scorer 'p_true': shown is {self.shown}.", choices=(f"0 to {MOST_SHOWN}",))
        if self.shown:
            self.usual, self.places, self.needs = AMONG_OTHERS, self.places | {"others"}, (GROUP, MODEL)
        # Last, because it checks the question against these places.
        Probe.__post_init__(self)

    def more(self) -> Mapping[str, object]:
        """Version parts of the options. Line scores change no value, only the stored record."""
        lines = {"lines": "yes"} if self.by_lines else {}
        return {**lines, **({"shown": self.shown} if self.shown else {})}

    def by_line(self) -> bool:
        return self.by_lines

    def asks(self, group: Candidates, completion: Completion) -> list[str]:
        """About the whole text, and before it about each of its beginnings; nothing about an empty one."""
        if not completion.text.strip():
            return []
        proposed = prefixes(completion.text) if self.by_lines else [completion.text]
        others = [other.text for other in group.completions if other.id != completion.id][: self.shown]
        texts = {"problem": prompt_text(group.question(completion)), "others": "\n\n".join(others)}
        return [self.filled(**texts, answer=text) for text in proposed]


@dataclass(kw_only=True)
class PIK(Probe):
    """P(IK), by asking: how likely the model says that it knows the answer. One number for all completions of a problem."""

    name: str = field(init=False, default="p_ik")
    usual: str = field(init=False, default=KNOWN)
    places: frozenset[str] = field(init=False, default=frozenset({"problem"}))

    def asks(self, group: Candidates, completion: Completion) -> list[str]:
        """A probe of the problem alone."""
        return [self.filled(problem=prompt_text(group.question(completion)))]
