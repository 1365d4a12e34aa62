"""Scorers that ask a model: the numbers follow from its log-probabilities, and what has none gets no score."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.records import Completion, Message, Problem, Request
from rollmill.ground.solutions import lines_of
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.registry import built_engine
from rollmill.pipelines.score import group_scores
from rollmill.pipelines.score.answer_gain import AnswerGain
from rollmill.pipelines.score.asking import prefixes
from rollmill.pipelines.score.probes import PIK, PTrue
from rollmill.pipelines.score.text_likelihood import Likelihood, ReferenceLikelihood, root_prompts
from rollmill.pipelines.synthesize.reference_solutions import reference_solution
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.roles.protocols import Candidates
from tests.pipelines.select.rollouts import rollout
from tests.toys import Toy

PROBLEM = Problem("2 + 2 = ?", "4")
RIGHT, WRONG = rollout(0, "correct", "so 2+2\n\nis 4\n#### 4").completion, rollout(1, "incorrect", "#### 5").completion


class Counting(Toy):
    """Scores a text by its length and by the digits of what it stands behind: -0.1 a character, -1 a digit of 5."""

    fails = False

    def answer(self, request: Request) -> Mapping[str, Any]:
        near = [[" true", math.log(0.6)], ["False", math.log(0.2)], ["true", math.log(0.1)], ["x", math.log(0.1)]]
        return {"text": "True", "top_logprobs": json.dumps([near] if "4" in request.rendered else [[["x", -0.1]]])}

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        if self.fails:
            raise ConnectionError("out of order")
        for request in requests:
            self.made += 1
            text = str(request.given)
            logprobs = tuple(-0.1 for _ in text) if "too long" not in request.rendered else None
            total = None if logprobs is None else -0.1 * len(text) - request.rendered.count("5") * ("True" in text)
            meta: dict[str, Any] = {"text": text, "logprobs": logprobs, "logprob_sum": total, "finish_reason": "stop"}
            yield Completion(request.completion_id, request.prompt_id, "toy", "sums", "toy-1", request.stream, 0, 0, **meta)


class OnlyDraws(Toy):
    answer = Counting.answer


def groups(*completions: Completion, problem: Problem = PROBLEM) -> list[Candidates]:
    return [Candidates(problem, completions)]


def values(scorer: Any, *completions: Completion, problem: Problem = PROBLEM) -> list[tuple[str, float]]:
    return [
        (one.completion_id, round(one.value, 12)) for one in group_scores(scorer, groups(*completions, problem=problem))
    ]


def logistic(x: float) -> float:
    return round(1 / (1 + math.exp(-x)), 12)


def test_p_true_is_the_share_of_yes_among_the_two_words() -> None:
    engine = Counting()
    scorer = PTrue(sampler=DirectSampler(engine))
    assert values(scorer, RIGHT, WRONG) == [("c000", logistic(0.1)), ("c001", logistic(0.1 - 1.0))]
    assert engine.made == 4
    assert scorer.version.startswith("1 engine=toy model=toy-1 question=")
    assert values(scorer, replace(RIGHT, text=" \n")) == []


def test_p_true_by_lines_has_a_number_for_every_line_that_is_not_blank() -> None:
    steps = PTrue(sampler=DirectSampler(Counting()), by_lines=True)
    five = replace(RIGHT, text="5\n\n5\nand 4")
    [score] = group_scores(steps, groups(five))
    assert score.steps is not None
    assert [round(step, 12) for step in score.steps] == [logistic(0.1 - n) for n in (1, 2, 2)]
    assert (
        score.value == score.steps[-1] == next(group_scores(PTrue(sampler=DirectSampler(Counting())), groups(five))).value
    )


def test_p_true_may_see_what_else_was_said() -> None:
    scorer = PTrue(sampler=DirectSampler(Counting()), shown=1)
    third = replace(RIGHT, id="c002", text="third")
    group = Candidates(PROBLEM, [RIGHT, WRONG, third])
    [asked], [first] = scorer.asks(group, WRONG), scorer.asks(group, RIGHT)
    assert f"Some ideas:\n{RIGHT.text}\n\nProposed answer:\n#### 5\n" in asked
    assert "Some ideas:\n#### 5\n\nProposed answer:" in first
    assert "third" not in asked + first
    assert (scorer.needs, scorer.version.endswith(" shown=1")) == (("group", "model"), True)
    with pytest.raises(SetupError, match="shown is -1"):
        PTrue(sampler=DirectSampler(Counting()), shown=-1)
    with pytest.raises(SetupError, match="not just the places"):
        PTrue(sampler=DirectSampler(Counting()), shown=1, question="{problem} {answer}")


def test_p_ik_is_one_number_a_problem_asked_once() -> None:
    engine = Counting()
    scorer = PIK(sampler=DirectSampler(engine))
    assert values(scorer, RIGHT, WRONG) == [("c000", logistic(0.1)), ("c001", logistic(0.1))]
    assert engine.made == 2


def test_what_several_scores_rest_on_is_shared_among_them() -> None:
    class Paid(Counting):
        def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
            return (replace(one, cost=3.0, seconds=6.0) for one in super().score_given(requests))

    three = [replace(RIGHT, id=name) for name in "abc"]
    known = list(group_scores(PIK(sampler=DirectSampler(Paid())), groups(*three)))
    assert [(score.cost, score.seconds) for score in known] == [(2.0, 4.0)] * 3
    same = [*group_scores(Likelihood(sampler=DirectSampler(Paid())), groups(*three, WRONG))]
    assert [(score.cost, score.seconds) for score in same] == [(1.0, 2.0)] * 3 + [(3.0, 6.0)]


def test_an_engine_that_only_draws_is_read_by_its_likeliest_tokens() -> None:
    with pytest.raises(SetupError, match="needs the log-probabilities of what engine 'toy' might say"):
        values(PTrue(sampler=DirectSampler(OnlyDraws())), RIGHT)
    scorer = PTrue(sampler=DirectSampler(OnlyDraws()), engine_options={"logprobs": 20})
    four, none = replace(RIGHT, text="4"), replace(WRONG, text="nothing")
    problem = Problem("What?", "4")
    assert values(scorer, four, none, problem=problem) == [("c000", round(0.7 / 0.9, 12))]


def test_texts_in_the_places_of_a_question_are_never_read_as_one() -> None:
    scorer = PTrue(sampler=DirectSampler(Counting()), question="{answer} of {problem}")
    asked = scorer.asks(groups(RIGHT)[0], replace(RIGHT, text="{problem}{answer}"))
    assert asked == ["{problem}{answer} of 2 + 2 = ?"]
    turns = Problem((Message("system", "Be brief."), Message("user", "2 + 2 = ?")), "4")
    assert scorer.asks(Candidates(turns, [RIGHT]), WRONG) == ["#### 5 of system: Be brief.\n\n2 + 2 = ?"]


@pytest.mark.parametrize(
    "options",
    [{"question": "{answer}?"}, {"question": "{problem} {answer} {answer}"}, {"positive": "False"}, {"positive": True}],
)
def test_a_question_that_is_none_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SetupError):
        PTrue(sampler=DirectSampler(Counting()), **options)


def test_likelihood_is_of_the_text_as_the_answer_per_token_or_summed() -> None:
    sampler = DirectSampler(Counting())
    assert values(Likelihood(sampler=sampler), RIGHT, replace(WRONG, text="")) == [("c000", -0.1)]
    assert values(Likelihood(sampler=sampler, per_token=False), RIGHT) == [("c000", round(-0.1 * len(RIGHT.text), 12))]
    long = Problem("too long", "4")
    assert values(Likelihood(sampler=sampler), RIGHT, problem=long) == []


def test_a_text_is_scored_behind_what_the_model_was_asked_for_it() -> None:
    group = Candidates(PROBLEM, [RIGHT, WRONG], prompts=["Add: 2 + 2 = ?", "too long"])
    engine = Counting()
    assert [one.completion_id for one in group_scores(Likelihood(sampler=DirectSampler(engine)), [group])] == ["c000"]
    references = ReferenceLikelihood(sampler=DirectSampler(engine))
    assert [one.completion_id for one in group_scores(references, [group])] == ["c000"]
    assert list(Candidates(PROBLEM, [RIGHT]).prompted()) == [(PROBLEM.prompt, RIGHT)]


def test_the_reference_is_put_behind_the_last_marker_and_its_spaces() -> None:
    scorer = ReferenceLikelihood(sampler=DirectSampler(Counting()))
    request = scorer._asked_for(PROBLEM, PROBLEM.prompt, replace(RIGHT, text="#### 3? No.\n####  4 ."))
    assert request is not None
    assert (request.rendered, request.given) == ("Q: 2 + 2 = ?\nA:#### 3? No.\n####", "  4")
    cut_off, without = replace(RIGHT, id="cut", finish_reason="length"), replace(WRONG, id="none", text="5")
    expected = [("c000", round(math.exp(-0.2), 12)), ("cut", 0.0), ("none", 0.0)]
    assert values(scorer, RIGHT, cut_off, without) == expected
    assert values(scorer, RIGHT, problem=Problem("2 + 2 = ?", "")) == []
    ended = ReferenceLikelihood(sampler=DirectSampler(Counting()), ending="</answer>")
    assert ended.version == f"{scorer.version} ending=</answer>"
    with pytest.raises(SetupError, match="marker is '#### '"):
        ReferenceLikelihood(marker="#### ")


def test_the_gain_of_an_explanation_is_measured_behind_the_question_of_the_roots() -> None:
    """ExPO: what told the answer to a follow-up is no part of the question, in neither of both terms."""

    class Told(Counting):
        def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
            for reply, request in zip(super().score_given(requests), requests, strict=True):
                gain = 2.0 * ("so 2+2" in request.rendered) + 50.0 * ("told" in request.rendered)
                yield replace(reply, logprob_sum=(reply.logprob_sum or 0.0) - 3.0 + gain)

    again = replace(RIGHT, id="again")
    group = Candidates(
        PROBLEM, [WRONG, RIGHT, again], prompts=["Add: 2 + 2 = ?", "told 4", "told 4"], follow_ups={"c000": "told 4"}
    )
    sampler = DirectSampler(Told())
    gains = {one.completion_id: round(one.value, 9) for one in group_scores(AnswerGain(sampler=sampler), [group])}
    assert gains == {"c001": 0.0, "c000": 2.0, "again": 2.0}
    assert [prompt for prompt, _ in root_prompts(group)] == ["Add: 2 + 2 = ?", "Add: 2 + 2 = ?", "told 4"]
    alone, own = (Likelihood(sampler=sampler, alone=alone, per_token=False) for alone in (True, False))
    assert alone.version == f"{own.version} alone=yes"
    first, second = ([one.value for one in group_scores(scorer, [group])][1] for scorer in (alone, own))
    assert second - first == pytest.approx(50)
    assert values(AnswerGain(sampler=sampler), replace(RIGHT, text="4"), replace(RIGHT, finish_reason="length")) == []
    assert values(AnswerGain(sampler=sampler), RIGHT, problem=Problem("2 + 2 = ?", "")) == []


@pytest.mark.integration
def test_the_shipped_model_gains_by_a_derivation_and_not_by_the_answer_alone() -> None:
    sampler = DirectSampler(built_engine("embedded", "models/rollmill-tiny", {}))
    for problem in Templates(levels=[3, 5]).synthesize(12, 7):
        texts = [str(reference_solution(problem)), f"#### {problem.reference}"]
        group = Candidates(problem, [replace(RIGHT, id=f"c{at}", text=text) for at, text in enumerate(texts)])
        derived, bare = (one.value for one in group_scores(AnswerGain(sampler=sampler), [group]))
        assert derived > 10
        assert bare == pytest.approx(0, abs=1e-4)


def test_an_engine_that_fails_ends_scoring_and_says_so() -> None:
    engine = Counting()
    engine.fails = True
    with pytest.raises(FoundWanting, match="toy sums failed: ConnectionError: out of order"):
        values(Likelihood(sampler=DirectSampler(engine)), RIGHT)
    with pytest.raises(SetupError, match="asks a model, and outside a run it is given none"):
        values(Likelihood(), RIGHT)


def test_prefixes_end_with_lines_that_are_not_blank() -> None:
    assert prefixes("a\n\n b\r\n \nc") == ["a", "a\n\n b", "a\n\n b\r\n \nc"]
    assert prefixes("\n \n") == []


@pytest.mark.parametrize("mark", ["\u2028", "\x0c", "\x85", "\r"])
def test_prefixes_end_with_the_lines_that_exports_label(mark: str) -> None:
    text = f"1 + 1{mark} = 2\n#### 2"
    assert prefixes(text) == [text[: line.end] for line in lines_of(text)] == [f"1 + 1{mark} = 2", text]
