"""One error in a right solution, as RISE needs it: one place, few words, and a verifier that finds the answer wrong."""

import json
import random
from collections import Counter
from statistics import mean

import pytest

from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.planted_answer import rational
from rollmill.pipelines.edit.planted_errors import ERRORS
from rollmill.pipelines.verify import verify
from tests.shared_data import shared_data

STEPS = "She has 16 - 3 = <<16-3=13>>13 eggs\nShe gets 13 * 2 = $<<13*2=26>>26\nA: 26"


def test_the_error_is_in_the_answer_or_in_what_decides_it_and_nowhere_else() -> None:
    for seed in range(40):
        edited = EDITORS["digit"](STEPS, random.Random(seed))
        (change,) = edited.changes
        assert (change.line, change.old) == (3, "26")
        assert rational(change.new) not in (None, 26)
        operand = EDITORS["operand"](STEPS, random.Random(seed))
        assert {change.line for change in operand.changes} == {2, 3}


def test_a_misread_sign_is_carried_on_to_a_plain_number() -> None:
    texts = {EDITORS["operator"]("9 - 3 = 6\n6 ÷ 4 = 1.5\n#### 1.5", random.Random(seed)).text for seed in range(40)}
    assert texts == {f"9 - 3 = 6\n6 {op} 4 = {value}\n#### {value}" for op, value in (("+", 10), ("-", 2), ("×", 24))}
    with pytest.raises(CannotEdit, match="no other sign gives a plain number"):
        EDITORS["operator"]("2 + 2 = 4\n0 * 7 = 0\n#### 7", random.Random(0))
    assert EDITORS["operator"]("3 * 16 = 48\n#### 48", random.Random(0)).text == "3 + 16 = 19\n#### 19"


def test_no_reference_is_needed_and_a_wrong_answer_takes_an_error_too() -> None:
    assert EDITORS["sign"]("2 + 2 = 4\n#### 5", random.Random(0)).text == "2 + 2 = 4\n#### -5"


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        ("digit", "It is six.", "no marked answer that is a number"),
        ("digit", "#### (1, 2)", "the answer is no number that this changes"),
        ("sign", "#### 0", "the answer is no number that this changes"),
        ("operand", "2 + 2 = 4\n#### 5", "no true calculation gives the answer, or another operand would not change it"),
        ("operand", "2 + 2 = 5\n#### 5", "no true calculation gives the answer, or another operand would not change it"),
        (
            "dropped_step",
            "2 + 2 = 4\n#### 4",
            "no true calculation gives the answer, or none with another result stands before it",
        ),
        ("swapped_unknowns", "#### (2, 2)", "the answer is not two different values"),
        ("wrong_rounding", "#### 0", "the answer is no number that rounding changes"),
    ],
)
def test_why_a_text_takes_no_such_error(kind: str, text: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=f"^{why}$"):
        EDITORS[kind](text, random.Random(0))


def test_an_edit_that_changes_more_words_than_allowed_is_refused() -> None:
    assert EDITORS["operand"](STEPS, random.Random(0), most_words=2).facts["words"] == 2
    with pytest.raises(CannotEdit, match="it would change 2 words, more than 1"):
        EDITORS["operand"](STEPS, random.Random(0), most_words=1)


@pytest.mark.parametrize("digits", [150, 190, 250, 5_000])
def test_calculations_on_numbers_of_many_digits_are_data(digits: int) -> None:
    """A model may write any number: one that is read is edited, one with too many digits is no calculation."""
    long = "7" * digits
    text = f"{long} * 1 = {long}\n4 + 8 = 12\n12 / 4 = 3\n#### 3"
    assert EDITORS["operand"](text, random.Random(0)).text != text
    assert EDITORS["dropped_step"](text, random.Random(0)).text.endswith("#### 12")
    square = f"2 * {long} = {int('7' * min(digits, 400)) * 2}\n#### {int('7' * min(digits, 400)) * 2}"
    if digits < 200:
        assert EDITORS["operator"](square, random.Random(0)).text != square


@pytest.mark.data
def test_every_right_gsm8k_rollout_takes_an_error_and_every_error_is_found() -> None:
    problems = {row["id"]: row for row in map(json.loads, shared_data("gsm8k_problems.jsonl").read_text().splitlines())}
    rollouts = [
        row for row in map(json.loads, shared_data("gsm8k_rollouts.jsonl").read_text().splitlines()) if row["is_correct"]
    ]
    words: dict[str, list[int]] = {}
    edited = []
    for seed, row in enumerate(rollouts):
        for kind in ERRORS:
            try:
                one = EDITORS[kind](row["text"], random.Random(seed))
            except CannotEdit:
                continue
            words.setdefault(kind, []).append(one.facts["words"])
            edited.append({**problems[row["problem_id"]], "answer": one.text})
    taken = {kind: len(counts) for kind, counts in words.items()}
    assert len(rollouts) == 986
    assert taken == {
        "digit": 986,
        "sign": 986,
        "off_by_one": 986,
        "wrong_rounding": 986,
        "operand": 815,
        "operator": 815,
        "dropped_step": 700,
    }
    assert {kind: round(mean(counts), 1) for kind, counts in words.items()} == {
        "digit": 1, "sign": 1, "off_by_one": 1, "wrong_rounding": 1, "operand": 2, "operator": 2, "dropped_step": 2,
    }  # fmt: skip
    assert round(mean(len(row["text"].split()) for row in rollouts)) == 43
    for verifier in ("number", "math"):
        assert Counter(verdict.outcome for verdict in verify(edited, verifier)) == {"incorrect": 5_459 + taken["operator"]}
