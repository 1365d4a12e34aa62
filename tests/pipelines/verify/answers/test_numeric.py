"""Agreement of values: what numbers confirm, refute and leave open."""

from fractions import Fraction

import pytest

from rollmill.pipelines.verify.answers.expressions.grammar import parse
from rollmill.pipelines.verify.answers.expressions.notation import tokens
from rollmill.pipelines.verify.answers.numeric import agree


@pytest.mark.parametrize(
    ("reference", "answer", "same"),
    [
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}", False),
        (r"\frac{1}{2004!}", r"\frac{2005 \cdot 2006}{2006!}", True),
        (r"\sin^2 x+\cos^2 x", "1", True),
        (r"\sin 2x", r"2\sin x\cos x", True),
        (r"\sin 2x", r"2\sin x", False),
        (r"\sqrt{x^2}", "x", False),
        (r"\ln x^2", r"2\ln x", None),
        (r"\sqrt{5-\sqrt{21}}+\sqrt{\sqrt{21}+5}", r"\sqrt{14}", True),
        (r"\sqrt2\sqrt3-\sqrt6", "0", True),
        (r"e^{\pi\sqrt{163}}", "262537412640768744", False),
        (r"\cos(\pi/3)", r"\frac12", True),
        (r"\sin 30^\circ", r"\frac12", True),
        (r"\log_2 8", "3", True),
        (r"e^{i\pi}", "-1", True),
        (r"\sqrt[3]{-8}", "-2", True),
        (r"\frac{\sqrt{2}}{2}", "0.7071067811865476", False),
        (r"9^{9^{9^9}}", "1", False),
        (r"9^{9^{9^9}}", "9^{9^{9^8}}", None),
        (r"\frac{1}{0}", "1", None),
        (r"2^{n+1}", r"2\cdot 2^n", True),
    ],
)
def test_agreement(reference: str, answer: str, same: bool | None) -> None:
    assert agree(parse(tokens(reference)), parse(tokens(answer))) is same


def test_a_stated_distance_is_allowed() -> None:
    root, print_, rounded = (parse(tokens(t)) for t in (r"\frac{\sqrt{2}}{2}", "0.7071067811865476", "0.7071"))
    for left, right in ((root, print_), (print_, root)):
        assert agree(left, right, Fraction(1, 10**16)) is True
    assert agree(root, rounded, Fraction(1, 10**16)) is False
    assert agree(rounded, root, Fraction(1, 20_000)) is True
