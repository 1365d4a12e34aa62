"""Bounds in floating point: they refute what differs, never what is equal, and contain the value that mpmath computes."""

import random
from fractions import Fraction

import mpmath
import pytest

from rollmill.pipelines.verify.answers import numeric
from rollmill.pipelines.verify.answers.bounds import Unbounded, bounds, compare
from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode, parse
from rollmill.pipelines.verify.answers.expressions.notation import tokens


def tree(text: str) -> ExpressionNode:
    return parse(tokens(text))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"\sin 2x", r"2\sin x", False),
        (r"\sin 2x", r"2\sin x\cos x", None),
        (r"\sin 30^\circ", r"\frac12", None),
        (r"\log_2 9", "3", False),
        (r"\log_2 8", "3", None),
        (r"e^{\pi\sqrt{163}}", "262537412640768744", None),
        (r"e^{\pi}", "23", False),
        (r"9^{9^{9^9}}", "1", None),
        (r"\frac{1}{x-x}", "1", None),
        (r"\ln(-1)", "1", None),
        (r"e^{i\pi}", "1", None),
        (r"\tan 1", r"\cot 1", False),
        (r"f(x)", "1", None),
    ],
)
def test_it_refutes_and_never_confirms(left: str, right: str, same: bool | None) -> None:
    assert compare(tree(left), tree(right)) is same
    assert compare(tree(right), tree(left)) is same


def test_a_stated_distance() -> None:
    assert compare(tree(r"8\pi"), tree("25.13"), Fraction(1, 200)) is True
    assert compare(tree(r"8\pi"), tree("25.14"), Fraction(1, 200)) is False
    assert compare(tree(r"x"), tree("x"), Fraction(1, 200)) is None


PARTS = (
    "2", "3", "0.7", r"\pi", "x", r"\sqrt{5}", r"\sin x", r"\cos(x+1)", r"\ln(x+2)", "e^x", r"\arctan x", r"\sqrt[3]{x}",
    "|x-9|",
)  # fmt: skip


def test_bounds_contain_the_value_and_never_refute_an_equal_one() -> None:
    rng, checked = random.Random(7), 0
    for _ in range(400):
        text = rng.choice(PARTS)
        for _ in range(rng.randint(1, 4)):
            other = rng.choice(PARTS)
            text = rng.choice(
                [f"({text})+{other}", f"{other}-({text})", f"({text})({other})", rf"\frac{{{text}}}{{{other}}}"]
            )
        node = tree(text)
        assert compare(node, tree(f"({text})+1-1")) is None
        try:
            low, high = bounds(node, {"x": 1.375})
        except (Unbounded, ZeroDivisionError):
            continue
        with mpmath.workdps(60):
            value = numeric._evaluate(node, {"x": mpmath.mpf("1.375")})
            assert mpmath.mpf(low) <= value <= mpmath.mpf(high), text
        checked += 1
    assert checked > 200
