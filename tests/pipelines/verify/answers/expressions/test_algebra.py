"""Exact arithmetic: normal forms, decisions both ways, and bounds."""

from collections.abc import Callable
from fractions import Fraction
from functools import reduce

import pytest

from rollmill.pipelines.verify.answers.expressions.algebra import (
    Formula,
    UnsupportedForm,
    add,
    atom,
    constant,
    divide,
    equal,
    fresh_budget,
    multiply,
    negate,
    power,
)

HALF = Fraction(1, 2)
X, Y, IMAGINARY, PI = atom("s:x"), atom("s:y"), atom("i"), atom("c:pi")


def root(n: int) -> Formula:
    return power(constant(n), HALF)


def test_roots_have_one_normal_form() -> None:
    assert root(12) == multiply(constant(2), root(3))
    assert multiply(root(6), root(10)) == multiply(constant(2), root(15))
    assert divide(constant(1), root(2)) == divide(root(2), constant(2))
    assert divide(constant(1), add(constant(1), root(2))) == add(root(2), constant(-1))
    assert power(constant(-4), HALF) == multiply(constant(2), IMAGINARY)
    assert multiply(power(constant(2), Fraction(1, 3)), power(constant(2), Fraction(2, 3))) == constant(2)
    assert power(constant(-8), Fraction(1, 3), real_root=True) == constant(-2)


def test_nested_denominators_with_three_roots() -> None:
    denominator = add(add(root(2), root(3)), root(5))
    assert equal(multiply(divide(constant(1), denominator), denominator), constant(1))


def test_powers_of_i() -> None:
    assert multiply(IMAGINARY, IMAGINARY) == constant(-1)
    assert divide(constant(1), IMAGINARY) == negate(IMAGINARY)
    assert power(IMAGINARY, Fraction(7)) == negate(IMAGINARY)


def test_quotients_of_polynomials() -> None:
    one = constant(1)
    assert divide(add(multiply(X, X), constant(-1)), add(X, constant(-1))) == add(X, one)
    assert equal(divide(one, add(X, one)), divide(constant(2), add(multiply(constant(2), X), constant(2))))
    assert not equal(divide(one, add(X, one)), divide(one, add(X, constant(2))))


def test_tiny_numbers_are_not_equal() -> None:
    assert not equal(power(constant(2), Fraction(-99)), power(constant(2), Fraction(-98)))


def test_different_constants_differ() -> None:
    for left, right in ((PI, constant(Fraction(22, 7))), (root(2), root(3)), (X, Y), (PI, atom("c:e"))):
        assert not equal(left, right)
        assert left.understood
    assert not atom("f:sin(x)").understood


def test_rational_values() -> None:
    assert add(constant(HALF), constant(HALF)).rational() == 1
    assert add(root(2), negate(root(2))).rational() == 0
    assert X.rational() is None


def test_bounds_are_kept() -> None:
    fresh_budget()
    builds: tuple[Callable[[], object], ...] = (
        lambda: divide(X, constant(0)),
        lambda: power(constant(3), Fraction(10**10)),
        lambda: power(add(X, Y), Fraction(65)),
        lambda: power(constant(10**100 + 1), HALF),
        lambda: power(constant(-2), Fraction(1, 4)),
        lambda: power(add(X, Y), HALF),
    )
    for build in builds:
        with pytest.raises(UnsupportedForm):
            build()


def test_a_budget_ends_long_products() -> None:
    fresh_budget()
    total = add(add(X, Y), add(PI, IMAGINARY))
    with pytest.raises(UnsupportedForm, match="too many terms"):
        reduce(multiply, [total] * 400)
    fresh_budget()
    assert multiply(X, X) == power(X, Fraction(2))
