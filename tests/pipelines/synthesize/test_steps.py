"""The evaluator of step lines, which shares no code with the calculator."""

from fractions import Fraction

import pytest

from pipelines.synthesize.steps import check_steps, evaluate_line, numbers_in


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("12 + 7 = 19", Fraction(19)),
        ("7 - 12 = -5", Fraction(-5)),
        ("0.5 * 3 = 1.5", Fraction(3, 2)),
        ("3 / 4 = 3/4", Fraction(3, 4)),
        ("17 % 5 = 2", Fraction(2)),
    ],
)
def test_true_lines(line: str, result: Fraction) -> None:
    assert evaluate_line(line)[2] == result


@pytest.mark.parametrize(
    "line", ["12 + 7 = 20", "12 / 0 = 0", "12 % 0 = 0", "12+7=19", "a + 7 = 19", "1 + 2 + 3 = 6", "2 ^ 3 = 8", ""]
)
def test_lines_that_are_not_true_or_no_steps(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        evaluate_line(line)


def test_steps_that_lead_from_the_given_numbers_to_the_answer() -> None:
    assert check_steps(["12 + 7 = 19", "19 * 2 = 38"], "38", [12, 7, 2]) is None
    assert check_steps(["10 % 5 = 0"], "5", [10, 5]) is None


def test_a_number_from_nowhere() -> None:
    found = check_steps(["12 + 8 = 20"], "20", [12, 7])
    assert found == "'12 + 8 = 20' uses 8, which is neither in the text nor an earlier result"


def test_an_answer_the_steps_do_not_give() -> None:
    assert check_steps(["12 + 7 = 19"], "20", [12, 7]) == "the answer 20 is not what the last step gives"
    assert check_steps(["12 + 7 = 19"], "many", [12, 7]) == "Invalid literal for Fraction: 'many'"
    assert check_steps([], "19", [19]) == "the answer 19 is not what the last step gives"


def test_numbers_of_a_text() -> None:
    assert numbers_in("Tom has 12 pens, 3 at 2.5 each (x + 7).") == {12, 3, Fraction(5, 2), 7}
