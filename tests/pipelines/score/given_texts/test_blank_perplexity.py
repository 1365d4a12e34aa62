"""Options in the blank of a question: rated per token with what follows, ties shared, one request for each option."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Request
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.pipelines.score.given_texts.blank_perplexity import blank_of, right_letter, stem_of
from rollmill.pipelines.verify.choice import options_of
from rollmill.roles.protocols import Candidates
from tests.pipelines.select.rollouts import rollout
from tests.toys import Toy

ASKED = Problem("The sky is ___ at noon.\nA) a deep and lasting blue\nB) red\nC) salt", "A", kind="choice")
PLAIN = Problem("Which is a fruit?\n(A) stone\n(B) pear", "pear", kind="choice")


class Words(Toy):
    """A word costs .5 where the model knows it and 2 where it does not; tokens are words."""

    knows = frozenset({"a", "deep", "and", "lasting", "blue", "pear", "at", "noon."})

    def answer(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"text": ""}

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            self.made += 1
            costs = tuple(-0.5 if word in self.knows else -2.0 for word in str(request.given).split())
            head = (request.completion_id, request.prompt_id, "toy", "sums", "toy-1", request.stream, 0, 0)
            yield Completion(*head, text=str(request.given), logprob_sum=sum(costs), logprobs=costs, finish_reason="stop")


def values(problem: Problem, engine: Toy, *texts: str) -> list[float]:
    scorer = SCORERS["blank_perplexity"](sampler=DirectSampler(engine))
    drawn = [replace(rollout(at, "correct", text).completion) for at, text in enumerate(texts or ("any",))]
    return [score.value for score in group_scores(scorer, [Candidates(problem, drawn)])]


def test_the_least_perplexity_wins_whatever_the_length() -> None:
    """Trap: by summed log-probabilities the long right option (-2.5 - 1) would lose to `red` (-2 - 1)."""
    engine = Words()
    assert values(ASKED, engine, "x", "y") == [1.0, 1.0]
    assert engine.made == 3  # an option is asked once for all completions
    assert values(replace(ASKED, reference="B"), Words()) == [0.0]
    assert values(PLAIN, Words()) == [1.0]


def test_options_of_equal_perplexity_share_the_answer() -> None:
    class Blind(Words):
        knows = frozenset()

    assert values(PLAIN, Blind()) == [0.5]
    assert values(ASKED, Blind()) == [pytest.approx(1 / 3)]


def test_an_option_stands_in_the_blank_and_the_rest_of_the_sentence_behind_it() -> None:
    stem = stem_of(ASKED, options_of({}, str(ASKED.prompt)))
    assert stem == "The sky is ___ at noon."
    assert blank_of(stem, " ") == ("The sky is ", " at noon.")
    assert stem_of(PLAIN, options_of({}, str(PLAIN.prompt))) == "Which is a fruit?"
    assert blank_of("Which is a fruit?", "\nAnswer: ") == ("Which is a fruit?\nAnswer: ", "")
    for listed in ("A) red\nB) blue", "- **A.** red\n- **B.** blue", "(a) red (b) blue", "A) red B) red wine"):
        prompt = f"The red sky is ___, and a red one is rare.\n{listed}"
        assert stem_of(Problem(prompt, "A"), options_of({}, prompt)) == "The red sky is ___, and a red one is rare."
    told = Problem("Which red thing is ___?\n- red\n- red wine", "A", meta={"options": ["red", "red wine"]})
    assert stem_of(told, options_of(told.meta, "")) == "Which red thing is ___?"
    assert stem_of(replace(told, prompt="Is it red?"), options_of(told.meta, "")) == "Is it red?"
    assert [right_letter(problem) for problem in (ASKED, PLAIN, replace(PLAIN, reference="plum"))] == ["A", "B", ""]


def test_problems_without_options_or_without_a_right_one_have_no_score() -> None:
    assert values(Problem("What is 2 + 2?", "4"), Words()) == []
    assert values(replace(PLAIN, reference="plum"), Words()) == []
