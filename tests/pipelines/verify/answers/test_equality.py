"""The equality policy on plain numbers: percent, scale words, units, decimals."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.verify.answers.equality import (
    LENIENT,
    POLICIES,
    EqualityContext,
    order_named,
    policy_named,
    same_quantity,
)
from rollmill.pipelines.verify.answers.expressions.quantity import parse_quantity
from rollmill.pipelines.verify.answers.expressions.units import known_unit

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
        (PERCENT, "50%", "50", True),
        (PLAIN, "50%", "50", False),
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
    assert same_quantity(left, right, EqualityContext(prompt)) is same
    assert same_quantity(right, left, EqualityContext(prompt)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("7.03", "7.03125", True),
        ("0.6667", "2/3", True),
        ("0.6667", "0.667", True),
        ("583.3333", "583.33", True),
        ("0.25", "0.249", True),
        ("15.62", "15.63", False),
        ("0.67", "2/3", True),
        ("0.66", "2/3", False),
        ("0.7", "2/3", False),
        ("15.6", "15.63", True),
        ("2.5", "2.46", False),
        ("0.01", "0.0136", False),
        ("1", "1.0001", False),
        ("30", "30.003", False),
        ("-7.03", "-7.03125", True),
        ("-7.03", "7.03125", False),
        ("16.67%", "1/6", True),
        ("16.67%", "16.67", True),
        ("0.5%", "0.5", False),
        ("50%", "50", True),
        ("50%", "0.5", True),
        ("$5", "5 euros", True),
        ("5 m", "5 cm", True),
        ("5 dollars", "5 dollars loss", False),
        ("3 million", "3000000", True),
        ("3 million", "3", True),
    ],
)
def test_same_quantity_under_lenient(one: str, other: str, same: bool) -> None:
    left, right = parse_quantity(one), parse_quantity(other)
    assert left is not None
    assert right is not None
    assert same_quantity(left, right, EqualityContext(PLAIN, LENIENT)) is same
    assert same_quantity(right, left, EqualityContext(PLAIN, LENIENT)) is same


def test_policies_and_orders_are_named() -> None:
    assert {name: policy.label.partition("+")[0] for name, policy in POLICIES.items()} == {
        "strict": "strict.5",
        "lenient": "lenient.4",
        "incomplete": "incomplete.3",
    }
    assert policy_named("lenient") is LENIENT
    assert order_named("unordered") == "unordered"
    with pytest.raises(SetupError, match="Did you mean 'lenient'"):
        policy_named("leniant")
    with pytest.raises(SetupError, match="by_problem, ordered, unordered"):
        order_named("any")


def test_the_order_may_be_fixed() -> None:
    assert EqualityContext("Find all roots.", order="ordered").ordered
    assert not EqualityContext("Find all roots.", order="ordered").unordered
    assert EqualityContext("Sort them.", order="unordered").unordered


def test_the_options_of_a_problem() -> None:
    assert EqualityContext("Which is it?\n(A) 3\n(B) 4 cm\n(C) 5").options == (("A", "3"), ("B", "4 cm"), ("C", "5"))
    assert EqualityContext("What is the biggest value?  (a) 0.3  (b) 45  (c) -2").options[1] == ("B", "45")
    assert EqualityContext("Parts (a) and more.").options == ()


def test_what_a_problem_asks_for() -> None:
    assert EqualityContext("What percentage is it?").scales == {"%"}
    assert EqualityContext("Find all real values of x.").unordered
    assert EqualityContext("Enter the solutions, separated by commas.").unordered
    assert not EqualityContext("Sort the roots in increasing order.").unordered
    assert not EqualityContext("How many apples and pears?").unordered


def test_known_units() -> None:
    assert known_unit("sq ft") == known_unit("ft^2") == known_unit("square feet")
    assert known_unit("miles per hour") == known_unit("mi per hr")
    assert known_unit("blobs") is None
    assert known_unit("") is None
