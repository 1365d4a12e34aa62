"""What may stand before and behind a number: relations, negations, functions, factors and unknowns leave it no answer.

The classes are those of `certify`: every word and sign of a class in each form of sentence.
"""

from collections.abc import Iterator
from itertools import product
from time import process_time

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.certify.tables.answers import BOXES, CHANGED, PLAIN, READ, SENTENCE_FORMS
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier


@pytest.fixture(scope="module")
def math() -> Iterator[MathVerifier]:
    with MathVerifier(workers=1) as verifier:
        yield verifier


def outcomes(math: MathVerifier, reference: str, text: str) -> tuple[str, str]:
    item = Problem("Find it.", reference), Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")
    return NumberVerifier().verify(*item).outcome, math.verify(*item).outcome


@pytest.mark.parametrize("words", CHANGED.values(), ids=CHANGED)
def test_what_changes_a_number_is_never_the_number(math: MathVerifier, words: tuple[str, ...]) -> None:
    accepted = [
        (form, word, found)
        for form, word in product(SENTENCE_FORMS, words)
        if "correct" in (found := outcomes(math, "17", form.format(word)))
    ]
    assert accepted == []


def test_plain_conclusions_stay_answers(math: MathVerifier) -> None:
    refused = [
        (form, word, found)
        for form, word in product(SENTENCE_FORMS[:2], PLAIN)
        if (found := outcomes(math, "17", form.format(word)))[1] != "correct" or found[0] not in ("correct", "undecided")
    ]
    assert refused == []


def test_boxes_and_what_stands_at_them_are_one_answer(math: MathVerifier) -> None:
    assert [pair for pair in BOXES if "correct" in outcomes(math, *pair)] == []
    assert [pair for pair in READ if (found := outcomes(math, *pair))[1] != "correct" or found[0] == "incorrect"] == []


def test_other_languages_are_no_short_answers(math: MathVerifier) -> None:
    """A sentence that is not read is no wrong answer."""
    assert outcomes(math, "13", "所以篱笆上总共有十只鸟，后来又飞来了三只，一共有13只鸟和鹳鸟，答案就是这样。") == (
        "unparsed",
        "unparsed",
    )
    assert outcomes(math, "17", "答案是 17") == ("correct", "correct")
    assert "correct" not in outcomes(math, "17", "不是 17") + outcomes(math, "17", "大于等于 17")


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        ("1000", "\\boxed{1 000}", "correct"),
        ("28 dollars", "The answer is $28$ euros.", "incorrect"),
        ("28 dollars", "The answer is $28$.", "correct"),
        ("(D) Alina", "\\boxed{D}", "correct"),
        ("(A) Cecile", "\\boxed{C}", "incorrect"),
        ("2\\sqrt{3}", "So $x = 2\\sqrt{3} \\approx 3.46$.", "correct"),
        ("3.46", "So $x = 2\\sqrt{3} \\approx 3.46$.", "undecided"),
        ("17", "Let's add the apples, 3 and 14. Then we have 17 of them.", "correct"),
        ("17", "It is 17. But let's see if that is so.", "unparsed"),
        ("x = 2", "We add.\nSo it is y = 2.", "incorrect"),
        ("x = 2", "We add.\nSo it is x = 2.", "correct"),
        ("3:45 pm", "\\boxed{\\text{3:45 PM}}", "correct"),
        ("2024-03-17", "\\boxed{2024-17-03}", "incorrect"),
        ("17", "\\log_{$$17$$}", "undecided"),
    ],
)
def test_what_a_second_look_found(math: MathVerifier, reference: str, text: str, outcome: str) -> None:
    number, found = outcomes(math, reference, text)
    assert found == outcome
    assert number in (outcome, "undecided")


@pytest.mark.parametrize(
    "text",
    ["The answer is " + "$1$, " * 5000, "\\boxed{" + "\\begin{pmatrix}1&1\\\\1&1\\end{pmatrix}" * 40 + "}"],
    ids=["many formulas", "many matrices"],
)
def test_long_answers_take_no_time(math: MathVerifier, text: str) -> None:
    before = process_time()
    assert "correct" not in outcomes(math, "17", text)
    assert process_time() - before < 1


def test_words_can_be_the_sign(math: MathVerifier) -> None:
    for form, word in product(SENTENCE_FORMS[:4], ("negative 17", "minus 17", "-17", "−17")):
        assert outcomes(math, "-17", form.format(word)) == ("correct", "correct"), (form, word)
    assert outcomes(math, "13", "The answer is 30 minus 17.")[0] != "correct"


@pytest.mark.parametrize(
    ("reference", "text", "outcome"),
    [
        ("5", "We find that $x \\lt 5$.", "incorrect"),
        ("6", "\\boxed{2} \\quad \\text{and} \\quad \\boxed{6}", "incorrect"),
        ("2, 6", "\\boxed{2} \\quad \\text{and} \\quad \\boxed{6}", "correct"),
        ("x \\ge 5", "Therefore $x \\geq 5$ is the solution.", "correct"),
        ("32349", "\\boxed{32,\\! 349}", "correct"),
        ("28\\%", "28 pct", "correct"),
        ("125", "\\boxed{125\\textnormal{ miles}}", "correct"),
        ("x^{2/3}", "\\boxed{\\sqrt[3]{x^2}}", "correct"),
        ("x", "\\boxed{\\sqrt{x^2}}", "incorrect"),
        ("-x^{1/3}", "\\boxed{\\sqrt[3]{-x}}", "correct"),
        ("6 4 0", "\\boxed{[6,4,0]}", "correct"),
        ("6 4 0", "\\boxed{[6,0,4]}", "incorrect"),
        ("2", "\\boxed{2:00{pm}}", "correct"),
        ("2 \\text{ am}", "\\boxed{2:00\\text{ pm}}", "incorrect"),
        ("2", "\\boxed{2:30\\text{ pm}}", "incorrect"),
        ("2\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\boxed{\\begin{pmatrix}2\\\\4\\end{pmatrix}}", "correct"),
        ("\\begin{pmatrix}-1/2\\\\1\\end{pmatrix}", "\\boxed{-\\frac12\\begin{pmatrix}1\\\\-2\\end{pmatrix}}", "correct"),
        ("2\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\boxed{\\begin{pmatrix}2\\\\2\\end{pmatrix}}", "incorrect"),
        ("6", "The answer is (6, ", "undecided"),
        ("17", "<think>I think 17. The answer is 17", "unparsed"),
        ("17", "<think>so \\boxed{17}", "unparsed"),
        ("17", "<think>a</think>\\boxed{17}<think>or \\boxed{18}", "correct"),
    ],
)
def test_what_a_measurement_found(math: MathVerifier, reference: str, text: str, outcome: str) -> None:
    number, found = outcomes(math, reference, text)
    assert found == outcome
    assert number in (outcome, "undecided")


def test_a_percentage_that_is_asked_for_is_not_multiplied_out(math: MathVerifier) -> None:
    problem = Problem("What percentage is it?", "12")
    for text, outcome in (("1200\\%", "incorrect"), ("12\\%", "correct"), ("12", "correct"), ("0.12", "incorrect")):
        item = problem, Completion("c", "p", "e", "m", "", "curate", 0, None, f"\\boxed{{{text}}}", "stop")
        assert (NumberVerifier().verify(*item).outcome, math.verify(*item).outcome) == (outcome, outcome), text


def test_an_incomplete_reference_is_a_policy_of_its_own(math: MathVerifier) -> None:
    with MathVerifier(policy="incomplete", workers=1) as chosen:
        for text, accepted in (
            ("20, 35", True),
            ("x = 20, y = 35", True),
            ("21, 35", False),
            ("20, 20", False),
            ("20+35", False),
        ):
            item = Problem("q", "20"), Completion("c", "p", "e", "m", "", "curate", 0, None, f"\\boxed{{{text}}}", "stop")
            verdict = chosen.verify(*item)
            assert (verdict.outcome, verdict.rule) == (
                ("correct", "boxed:incomplete") if accepted else ("incorrect", "boxed:exact")
            )
            assert math.verify(*item).outcome == "incorrect"
        assert chosen.version != math.version
