"""The equality policy on plain numbers: percent, scale words, units, decimals."""

import pytest

from pipelines.verify.answers.policy import asked, known_unit, same_quantity
from pipelines.verify.answers.quantity import parse_quantity

PLAIN = "How much does she pay?"
PERCENT = "What percent of the eggs is left?"


@pytest.mark.parametrize(
    ("prompt", "reference", "answer", "same"),
    [
        (PLAIN, "1", "1.0", True),
        (PLAIN, "1", "1.0001", False),
        (PLAIN, "1/3", "0.333333", False),
        (PLAIN, "1/3", "0.3333333333333333", True),
        (PLAIN, "0.3", "0.30000000000000004", True),
        (PLAIN, "3", "2.9999999999999996", True),
        (PLAIN, "3", "2.99999999", False),
        (PLAIN, "0", "0.000000000000001", False),
        (PLAIN, "123456789012345678", "123456789012345679", False),
        (PLAIN, "123456789012345", "123456789012345.7", False),
        (PLAIN, "1396", "1396.0000000000002", True),
        (PLAIN, "1", "1.00000000000000001", False),
        (PLAIN, "20 eggs", "20 eggs left", True),
        (PLAIN, "20 left", "20 right", False),
        (PLAIN, "5 dollars", "5 dollars loss", False),
        (PLAIN, "016", "16", True),
        (PLAIN, "-3", "3", False),
        (PLAIN, "0.5", "50%", True),
        (PLAIN, "50", "50%", False),
        (PERCENT, "50", "50%", True),
        (PERCENT, "50", "0.5", False),
        (PERCENT, "0.5", "0.5%", True),
        (PLAIN, "0.5", "0.5%", False),
        (PLAIN, "50%", "50", True),
        (PLAIN, "50%", "0.5", True),
        (PLAIN, "50%", "50%", True),
        (PLAIN, "50%", "5000%", False),
        (PLAIN, "3000000", "3 million", True),
        (PLAIN, "3", "3 million", False),
        ("How many million people?", "3", "3 million", True),
        (PLAIN, "24", "2 dozen", True),
        (PLAIN, "5 m", "5 meters", True),
        (PLAIN, "5 m", "5 cm", False),
        (PLAIN, "144 m^3", "144 m^2", False),
        (PLAIN, "5", "5 cm", True),
        (PLAIN, "5 apples", "5 pears", True),
        (PLAIN, "$5", "5 dollars", True),
    ],
)
def test_same_quantity(prompt: str, reference: str, answer: str, same: bool) -> None:
    left, right = parse_quantity(reference), parse_quantity(answer)
    assert left is not None
    assert right is not None
    assert same_quantity(left, right, asked(prompt)) is same


def test_what_a_problem_asks_for() -> None:
    assert asked("What percentage is it?").scales == {"%"}
    assert asked("Find all real values of x.").unordered
    assert asked("Enter the solutions, separated by commas.").unordered
    assert not asked("Sort the roots in increasing order.").unordered
    assert not asked("How many apples and pears?").unordered


def test_known_units() -> None:
    assert known_unit("sq ft") == known_unit("ft^2") == known_unit("square feet")
    assert known_unit("miles per hour") == known_unit("mi per hr")
    assert known_unit("blobs") is None
    assert known_unit("") is None
