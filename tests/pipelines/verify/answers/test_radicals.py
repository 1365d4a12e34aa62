"""Nested roots: identities that hold, near misses that do not, and what the method leaves to others."""

import pytest

from rollmill.pipelines.verify.answers.expressions.grammar import ExpressionNode, parse
from rollmill.pipelines.verify.answers.expressions.notation import tokens
from rollmill.pipelines.verify.answers.radicals import equal


def tree(text: str) -> ExpressionNode:
    return parse(tokens(text))


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"\sqrt{5-\sqrt{21}}+\sqrt{\sqrt{21}+5}", r"\sqrt{14}", True),
        (r"\sqrt{5-\sqrt{21}}+\sqrt{\sqrt{21}+5}", r"\sqrt{14}+10^{-60}", False),
        (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2", True),
        (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1", True),
        (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5+2\sqrt6}", True),
        (r"\sqrt{1000001}+\sqrt{1000025}+\sqrt{1000031}", r"\sqrt{1000002}+\sqrt{1000024}+\sqrt{1000031}", False),
        (r"\frac{1}{\sqrt{2}+\sqrt{3}}", r"\sqrt3-\sqrt2", True),
        (r"(\sqrt2+\sqrt3)^{-2}", r"5-2\sqrt6", True),
        (r"\sqrt[3]{-8}", "-2", True),
        (r"\sqrt{-1}", "1", None),
        (r"\sqrt{4-4}", "0", None),
        (r"\frac{1}{\sqrt4-2}", "0", None),
        (r"\pi", "3", None),
        (r"\sqrt{x}", "1", None),
        (r"2^{\sqrt2}", "3", None),
        (r"2^{100000}", "3", None),
        ("+".join(rf"\sqrt{{{n}}}" for n in (2, 3, 5, 7, 11, 13, 17, 19, 23)), "30", None),
    ],
)
def test_it_proves_or_is_silent(left: str, right: str, same: bool | None) -> None:
    assert equal(tree(left), tree(right)) is same
    assert equal(tree(right), tree(left)) is same
