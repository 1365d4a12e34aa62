"""Exact arithmetic against plain numbers: what it calls equal agrees to 30 digits, what it calls different does not."""

import random

import mpmath
import pytest

from rollmill.pipelines.verify.answers.equality import EqualityContext
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.answers.same import Judge

LEAVES = [
    "1",
    "2",
    "3",
    "6",
    "x",
    "y",
    r"\pi",
    r"\sqrt2",
    r"\sqrt{3}",
    r"\sqrt{12}",
    "0.5",
    r"\frac{1}{3}",
    "-2",
    r"2^{1/3}",
]
VALUES = {"x": mpmath.mpf("0.7310585786300048792511592418"), "y": mpmath.mpf("1.6180339887498948482045868343")}
NUMBERS = {
    r"\pi": lambda: +mpmath.pi,
    r"\sqrt2": lambda: mpmath.sqrt(2),
    r"\sqrt{3}": lambda: mpmath.sqrt(3),
    r"\sqrt{12}": lambda: mpmath.sqrt(12),
    r"\frac{1}{3}": lambda: mpmath.mpf(1) / 3,
    r"2^{1/3}": lambda: mpmath.cbrt(2),
}


def random_formula(rng: random.Random, depth: int) -> tuple[str, mpmath.mpf]:
    """A formula's text and its value, computed apart from all our code."""
    if depth == 0 or rng.random() < 0.2:
        leaf = rng.choice(LEAVES)
        value = NUMBERS[leaf]() if leaf in NUMBERS else VALUES[leaf] if leaf in VALUES else mpmath.mpf(leaf)
        return (f"({leaf})" if leaf.startswith("-") else leaf), value
    (a, left), (b, right) = random_formula(rng, depth - 1), random_formula(rng, depth - 1)
    kind = rng.choice("+-*/^")
    if kind == "/" and abs(right) > 1e-20:
        return rf"\frac{{{a}}}{{{b}}}", left / right
    if kind == "^":
        exponent = rng.choice((2, 3))
        return f"({a})^{exponent}", left**exponent
    if kind == "*":
        return f"({a})({b})", left * right
    return (f"({a})-({b})", left - right) if kind == "-" else (f"{a}+({b})", left + right)


@pytest.mark.parametrize("seed", range(4))
def test_decisions_agree_with_numbers(seed: int) -> None:
    rng, judge, decided, equal = random.Random(seed), Judge(EqualityContext("")), 0, 0
    with mpmath.workdps(60):
        formulas = [random_formula(rng, rng.randint(1, 3)) for _ in range(260)]
        for first, (text, value) in enumerate(formulas):
            for other, other_value in formulas[first + 1 : first + 40]:
                left, right = read(text).value, read(other).value
                if left is None or right is None:
                    continue
                same = judge.same(left, right)
                close = abs(value - other_value) <= mpmath.mpf(10) ** -30 * max(1, abs(value), abs(other_value))
                if same is not None:
                    decided, equal = decided + 1, equal + same
                    assert same == close, (text, other)
    assert decided > 6_000
    assert equal > 30
