"""Where an answer is marked and what it is worth, without any verifier's code; checked against the standard library."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.pipelines.edit.planted_answer import locate_answer, marked_answer, rational
from tests.pipelines.certify.test_planted import standard


@given(st.text(max_size=60))
def test_reading_a_number_agrees_with_the_standard_library(text: str) -> None:
    value = rational(text)
    if value is not None:
        assert value == standard(text.replace("+", "").replace("- ", "-").replace("\\d", "\\").replace("\\t", "\\"))


def test_the_answer_of_a_boxed_text_is_its_last_box() -> None:
    found = locate_answer("1/2", "\\boxed{3} no, \\boxed{\\frac{1}{2}}.")
    assert found is not None
    assert (found.mark, found.written, found.value) == ("box", "\\frac{1}{2}", Fraction(1, 2))


@pytest.mark.parametrize("text", ["#### 41", "The answer is 41.", "So \\(\\boxed{41}\\).", "#### x = 1, y = 2"])
def test_an_answer_is_found_whether_right_or_not_and_is_the_reference_or_none(text: str) -> None:
    found = marked_answer(text)
    assert found is not None
    assert locate_answer("40", text) is None
    assert locate_answer(found.text[found.start : found.end], text) == found


@pytest.mark.parametrize("text", ["41", "#### many", "\\boxed{41", "#### 1/0", "#### " + "4" * 300, "#### x = 1, x = 2"])
def test_what_is_no_marked_number_is_no_answer(text: str) -> None:
    assert marked_answer(text) is None


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        "#### x" + " " * 99_000 + "y\nz",
        "The answer is 5. " * 5_800 + "\nbye",
        "The answer is 5. " * 5_800,
        "#### " * 19_000,
    ],
    ids=["blanks", "loop and a line", "loop", "marks"],
)
def test_no_text_holds_the_reader_up(text: str) -> None:
    """Each took from 16 to 25 seconds where the patterns went over all of it."""
    assert marked_answer(text) is None


def test_a_mark_may_stand_in_the_line_before_its_answer() -> None:
    answer = marked_answer("so 3 + 4.\n\nThe answer is\n\n  7.\n")
    assert answer is not None
    assert (answer.written, answer.mark) == ("7", "phrase")
