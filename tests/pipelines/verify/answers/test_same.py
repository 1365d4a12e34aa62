"""Equality of answers beyond plain numbers: a table of pairs, the exact layers alone, and both orders of the arguments."""

import pytest

from rollmill.pipelines.verify.answers.equality import EqualityContext
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.answers.same import Judge

PAIRS = [
    # formulas
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}", True),
    (r"2\sqrt{3}", r"\sqrt{12}", True),
    (r"2\sqrt{3}", r"3\sqrt{2}", False),
    (r"4\sqrt(2)", "4", False),
    (r"(r+5)^2", "r^2 + 10r + 25", True),
    (r"(a+b)(a-b)", "a^2-b^2", True),
    (r"\frac{x^2-1}{x-1}", "x+1", True),
    (r"\frac{1}{1+\sqrt2}", r"\sqrt2-1", True),
    (r"\sqrt{1/n}", r"\frac{1}{\sqrt{n}}", True),
    (r"\frac{2^{2005}+1}{3 \cdot 2^{2006}}", r"\frac{1}{3 \cdot 2^{2006}}", False),
    (r"0.\overline{54}", r"\frac{6}{11}", True),
    (r"\binom{5}{2}", "10", True),
    ("14 - i", "14.0 + -1.0i", True),
    ("e^{16} - 1", "-1 + exp(16)", True),
    (r"1 - \frac{1}{\mathrm{e}}", r"1 + \frac{1}{\mathrm{e}}", False),
    (r"8\pi", "25.13", False),
    (r"-2\pi", "-2*pi", True),
    ("x²+1", "x^2+1", True),
    ("1/2x", "x/2", True),
    ("|-3|", "3", True),
    (r"36\text{ cm}^2", "36", True),
    # equations and names
    ("x=3", "3", True),
    ("x=3", "y=3", False),
    ("y=2x+1", "2x+1", True),
    ("2x+4y-3=0", "y = -1/2*x + 3/4", True),
    ("3*x-1*y+13=0", "3x + 4y + 14=0", False),
    ("20x+23y+26z-69=0", "0", False),
    ("5", "2x=5", False),
    ("7", "3+4=7", True),
    ("1", "9=1", False),
    ("n=2, 3, 4", "n=1, 2, 3", False),
    ("D = (0, 1)", "D = (0, 1.5)", False),
    ("x^2", "2x", False),
    # lists, tuples, sets
    (r"(\frac{11}{2},-1,1)", "(5.5,-1.0,1.0)", True),
    ("(1,2)", "(2,1)", False),
    ("(1,2)", r"\{1,2\}", False),
    ("(1,2)", "1,2", False),
    (r"\{1,2\}", r"\{2,1\}", True),
    (r"\{3\}", "3", True),
    ("10, 4, -2", "4, 10, -2", False),
    ("12 3 0", "12, 3, 0", True),
    ("12 3 0", "3, 0, 12", False),
    (r"\pm 2021", "2021", False),
    (r"\pm 2", "2, -2", True),
    (r"3\pm\sqrt{2}", r"3-\sqrt2, 3+\sqrt2", True),
    ("x=2 or x=3", "x=3 or x=2", True),
    (r"\frac34", r"\frac{3}{4} or 0.75", True),
    ("2", "2 or 3", False),
    (r"19, 46, \text{ and } 82", "21, 36, and 82", False),
    (r"1, 2, \ldots, n", r"1, 3, 5, \ldots, 2n-1", False),
    (r"1, 2, \ldots, n", r"1, 2, \dots, n", True),
    ("12:00", "1:00", False),
    ("1:2", "1 : 2", True),
    ("1:2", "2:4", False),
    (r"\emptyset", r"\{\}", True),
    # intervals
    ("[0,1]", "(0,1)", False),
    ("[0,1)", "[0,1)", True),
    ("(0, 12.5)", "0 < x < 12.5", True),
    (r"m \geq \sqrt{2}", r"m \in [\sqrt{2}, +\infty)", True),
    (r"x > 3", r"x \ge 3", False),
    (r"x \ne 2", r"(-\infty,2)\cup(2,\infty)", True),
    (r"(2,\infty)\cup(-\infty,2)", r"(-\infty,2)\cup(2,\infty)", True),
    (r"\infty", r"-\infty", False),
    ("x < 5", r"-\infty \le x < 5", True),
    (r"\infty > x \ge 5", r"5 \le x \le \infty", True),
    # matrices, words, bases
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&\frac{8}{2}\end{bmatrix}", True),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\3\end{pmatrix}", False),
    (r"\text{neither}", "{neither}", True),
    (r"\text{even}", r"\text{not even}", False),
    ("no", "on", False),
    ("141_{13}", "141", False),
    ("5:30 am", "5:30 pm", False),
    ("5 km north", "5 km south", False),
]


@pytest.mark.parametrize(("reference", "answer", "same"), PAIRS)
def test_pairs_in_both_orders(reference: str, answer: str, same: bool) -> None:
    left, right = read(reference), read(answer)
    assert left.value is not None, left.why
    assert right.value is not None, right.why
    judge = Judge(EqualityContext(""))
    assert judge.same(left.value, right.value) is same
    if "or" not in answer:
        assert judge.same(right.value, left.value) is same


@pytest.mark.parametrize(
    ("reference", "answer"),
    [(r"\sin 2x", r"2\sin x\cos x"), (r"\frac{1}{2004!}", r"\frac{1}{2006!}"), (r"\log_2 8", "3"), ("10^{10^{10}}", "1")],
)
def test_what_exact_arithmetic_cannot_tell_stays_open(reference: str, answer: str) -> None:
    left, right = read(reference).value, read(answer).value
    assert left is not None
    assert right is not None
    assert Judge(EqualityContext("")).same(left, right) is None


@pytest.mark.parametrize("text", [r"\infty < x < 5", r"5 < x < -\infty", r"(\infty, 5)", r"(5, -\infty)"])
def test_no_range_begins_at_plus_infinity_or_ends_at_minus_infinity(text: str) -> None:
    """`\\infty < x < 5` was x < 5."""
    assert read(text).value is None


def test_order_is_what_the_problem_asks_for() -> None:
    left, right = read("10, 4, -2").value, read("4, 10, -2").value
    assert left is not None
    assert right is not None
    assert Judge(EqualityContext("Find all roots.")).same(left, right) is True
    assert Judge(EqualityContext("Sort the roots in decreasing order.")).same(left, right) is False


def test_a_bracketed_list_is_a_list_where_all_values_are_asked_for() -> None:
    left, right = read("[2, 3]").value, read("3, 2").value
    assert left is not None
    assert right is not None
    assert Judge(EqualityContext("List the prime factors of 12.")).same(left, right) is True
    assert Judge(EqualityContext("On which interval?")).same(left, right) is False


def test_equal_answers_share_their_canonical_form() -> None:
    for first, second in ((r"\sqrt{12}", r"2\sqrt3"), ("0.5", r"\frac12"), (r"\{1,2\}", r"\{2,1\}"), ("(1, 2)", "(1.0,2)")):
        assert read(first).form == read(second).form


@pytest.mark.parametrize(
    "text",
    ["(" * 3000, "{" * 500, "2^" * 400 + "2", "1+" * 900 + "1", "\x00", "\ud800", "a b c d e f g", "\\frac", "\\sqrt[",
     "10**10**10", "__import__('os')", "((a+b+c)^{60})^{60}", "\\left", "|x", "1,,,2", "9" * 1900],
)  # fmt: skip
def test_reading_never_raises(text: str) -> None:
    assert read(text).normal is not None
