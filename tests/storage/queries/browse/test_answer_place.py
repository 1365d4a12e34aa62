"""The place of an answer: what stands there is the answer, another value there is another answer, and none is guessed."""

import json
import re
from collections.abc import Iterable

import pytest

from rollmill.ground.records import Completion, Message, Problem
from rollmill.pipelines.certify.suites import math_pairs, sentences
from rollmill.pipelines.verify.extract import final_answer
from rollmill.pipelines.verify.finding import OneByOne
from rollmill.pipelines.verify.mathematics import answer_text
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.storage.queries.browse.answer_place import AnswerPlace, answer_place, judged_text
from tests.shared_data import shared_data

DROPPED = re.compile(r"<<[^<>\n]*>>|~~[^~\n]*~~|\\(?=\\)|\\[()\[\],;:! ]|[\s$*]+")
SENTINEL = "7654321"


@pytest.mark.parametrize(
    ("text", "extracted", "rule", "marked"),
    [
        ("9 * 2 = 18\n#### 18", "18", "hash:equal", (16, 18)),
        (r"18 and \boxed{18}", "18", "boxed:equal", (14, 16)),
        (r"\boxed{2}, no: \boxed{18}, not \boxed{2}", "18", "boxed:equal", (22, 24)),
        ("<answer> 18 </answer> 18", "18", "tag:equal", (9, 11)),
        ("18. The answer is 18, so 18 apples.\nDone.", "18, so 18 apples", "phrase:equal", (18, 34)),
        ("The answer is: \n\n$$18$$", "18", "phrase:equal", (19, 21)),
        ("A: 18", "18", "phrase:equal", (3, 5)),
        ("La réponse est 18.", "18", "phrase:equal", (15, 17)),
        ("18\nSo she has 18 of 118 apples, 18", "18", "tail:equal", (32, 34)),
        ("so\n\\[\nx = 18\n\\]", "x = 18", "tail:exact", (6, 12)),
        ("18", "18", "bare:equal", (0, 2)),
        ("She pays $<<9*2=18>>18 dollars.", "18 dollars", "bare:equal", (20, 30)),
        (r"so \boxed{\\frac{1}{2}}", r"\frac{1}{2}", "boxed:exact", (11, 22)),
        ("The answer is 3 <think>", "3", "phrase:equal", (14, 15)),
        ("<think>The answer is 7.</think>The answer is 7.", "7", "phrase:equal", (45, 46)),
        ('{"a": 1}', '{"a": 1}', "valid", (0, 8)),
        ("答えはBです", "B", "phrase:named", (3, 4)),
    ],
)
def test_the_place_that_a_rule_read(text: str, extracted: str, rule: str, marked: tuple[int, int]) -> None:
    assert answer_place(text, extracted, rule) == AnswerPlace(*marked)


@pytest.mark.parametrize(
    ("text", "extracted", "rule"),
    [
        ("a text", None, "no-answer"),
        ("a text", " ", "tail:equal"),
        ("a text", "18", "tail:equal"),
        ("118 and 180 and 1.8 and 18.5", "18", "bare:equal"),
        (r"\boxed{2} or \boxed{6}", "2 or 6", "boxed:exact"),  # two places
        ("-\\boxed{6}", "-(6)", "boxed:equal"),
        ("It is minus 17.", "-17", "bare:equal"),
        ("18 or 18", "18", "match"),  # a rule that says nothing of a place
        ("x" * 200_001, "x", "bare:equal"),
    ],
)
def test_no_place_is_guessed(text: str, extracted: str | None, rule: str) -> None:
    assert answer_place(text, extracted, rule) is None


def test_the_last_turn_is_judged() -> None:
    turns = (Message("assistant", "The answer is 1."), Message("assistant", "The answer is 2."))
    assert (
        judged_text(Completion("c", "p", "e", "m", "", "curate", 0, None, "whole", "stop", messages=turns))
        == turns[1].content
    )
    assert judged_text(Completion("c", "p", "e", "m", "", "curate", 0, None, "whole", "stop")) == "whole"


def proof(texts: Iterable[str]) -> tuple[int, int, list[str]]:
    """Answers found, answers with a place, and those whose place is wrong: another number there changes no answer."""
    found = placed = 0
    wrong = []
    for text in texts:
        final = final_answer(text)
        answer = None if final is None else answer_text(final)
        if final is None or answer is None:
            continue
        found += 1
        place = answer_place(text, answer, f"{final.rule}:x")
        if place is None:
            continue
        placed += 1
        span = text[place.start : place.end]
        numbers = list(re.finditer(r"\d[\d,.]*", span))
        if DROPPED.sub("", span) != DROPPED.sub("", answer):
            wrong.append(text)
        if numbers:
            start, end = (place.start + index for index in numbers[-1].span())
            other = final_answer(text[:start] + SENTINEL + text[end:])
            if other is None or SENTINEL not in (answer_text(other) or ""):
                wrong.append(text)
    return found, placed, wrong


def test_another_number_at_the_place_is_another_answer_whatever_the_sentence() -> None:
    found, placed, wrong = proof(row.text for row in (*sentences(), *math_pairs()))
    assert wrong == []
    assert found > 2_000
    assert placed / found > 0.98


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("gsm8k", 2_600), ("math", 400)])
def test_on_real_rollouts_the_place_holds_the_answer(name: str, least: int) -> None:
    lines = shared_data(f"{name}_rollouts.jsonl").read_text("utf-8").splitlines()
    found, placed, wrong = proof(json.loads(line)["text"] for line in lines)
    assert wrong == []
    assert found >= least
    assert placed / found >= 0.99


def test_a_verdict_leads_to_its_place() -> None:
    verifier: OneByOne = NumberVerifier()
    text = "She eats 3 of 16 eggs. So 13 * 2 = $26.\n#### 26"
    verdict = verifier.verify(Problem("?", "26"), Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop"))
    assert answer_place(text, verdict.extracted, verdict.rule) == AnswerPlace(45, 47)
