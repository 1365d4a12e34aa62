"""Pairs that published graders got wrong, with the right verdict: the eighteen, and more from the same threads."""

from collections.abc import Iterator

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.mathematics import MathVerifier

EIGHTEEN = [
    ("Math-Verify#14", r"\frac{1}{2004!}", r"\frac{1}{2006!}", False),
    ("Math-Verify#14", r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
    ("Math-Verify#14", "n=2, 3, 4", "n=1, 2, 3", False),
    ("Math-Verify#14", "D = (0, 1)", "D = (0, 1.5)", False),
    ("Math-Verify#14", r"F_n = \sum_{k=0}^{n-1} F_k F_{n-k-1}", r"F_n = \sum_{k=0}^{n-2} F_k F_{n-k-2}", False),
    ("Math-Verify#14", r"19, 46, \text{ and } 82", "21, 36, and 82", False),
    ("Math-Verify#14", r"\frac{2^{2005}+1}{3 \cdot 2^{2006}}", r"\frac{1}{3 \cdot 2^{2006}}", False),
    ("Math-Verify#14", r"1 - \frac{1}{\mathrm{e}}", r"1 + \frac{1}{\mathrm{e}}", False),
    ("Math-Verify#14", r"\pm 2021", "2021", False),
    ("Math-Verify#14", "12:00", "1:00", False),
    ("Math-Verify#14", r"1, 2, \ldots, n", r"1, 3, 5, \ldots, 2n-1", False),
    ("Math-Verify#14", r"1:2:3:\ldots", r"1:4:9:\ldots", False),
    ("Math-Verify#60", "3*x-1*y+13=0", "3x + 4y + 14=0", False),
    ("Math-Verify#37", r"\text{13}", "13", True),
    ("Math-Verify#69", "e^{16} - 1", "-1 + exp(16)", True),
    ("NeMo-Skills PR#1074", "16", "016", True),
    ("interval probe", "[0,1]", "(0,1)", False),
    ("percent probe", "0.5", r"50\%", True),
]
MORE = [
    ("Math-Verify#69", r"\dfrac{\pi}{2}", "pi/2", True),
    ("Math-Verify#69", "14 - i", "14.0 + -1.0i", True),
    ("Math-Verify#69", r"O(\log \log n)", "Theta(log log n)", False),
    ("Math-Verify#69", r"-2\pi", "-2*pi", True),
    ("Math-Verify#64", r"\sqrt{1/n}", r"\frac{1}{\sqrt{n}}", True),
    ("Math-Verify#56", r"\left( 3, \frac{\pi}{2} \right)", r"(3, \frac{2\pi}{3})", False),
    ("Math-Verify#41", "4", r"4\sqrt(2)", False),
    ("Math-Verify#26", "2x+4y-3=0", "y = -1/2*x + 3/4", True),
    ("Math-Verify#25", r"m \geq \sqrt{2}", r"m \in [\sqrt{2}, +\infty)", True),
    ("Math-Verify#10", "(0, 12.5)", "0 < x < 12.5", True),
    ("percent probe", r"28\%", "28", False),
    ("percent probe", "0.5", r"0.5\%", False),
    ("interval probe", "(1,2)", r"\{1,2\}", False),
    ("order probe", "10, 4, -2", "4, 10, -2", False),
    ("sign", "-3", "3", False),
    ("tolerance", "1", "1.0001", False),
    ("assignment", "x=3", "3", True),
    ("assignment", "0", "20x+23y+26z-69=0", False),
    ("assignment", "1", "9=1", False),
    ("limit", "1", r"9^{9^{9^9}}", False),
    ("limit", "1", "10**10**10", False),
    ("label of MATH", "10{,}000", "10000", True),
]


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    with MathVerifier(workers=1) as chosen:
        yield chosen


def verdict(verifier: MathVerifier, reference: str, answer: str) -> str:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, f"\\boxed{{{answer}}}", "stop")
    return verifier.verify(Problem("Find it.", reference), completion).outcome


@pytest.mark.parametrize(("thread", "reference", "answer", "same"), EIGHTEEN + MORE)
def test_the_right_verdict(verifier: MathVerifier, thread: str, reference: str, answer: str, same: bool) -> None:
    assert verdict(verifier, reference, answer) == ("correct" if same else "incorrect")


def test_argument_order_changes_no_verdict(verifier: MathVerifier) -> None:
    for _, reference, answer, same in EIGHTEEN + MORE:
        assert verdict(verifier, answer, reference) == ("correct" if same else "incorrect"), (answer, reference)
