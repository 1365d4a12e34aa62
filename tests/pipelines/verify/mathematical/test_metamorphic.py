"""Equal expressions stay equal under rewriting, perturbed ones become different, and the order of a pair never matters.

Expressions are drawn as trees whose exact value is computed here, apart from the code under test; each is spelled in
several ways (LaTeX and plain, operands turned round) and judged under both policies.
"""

import random
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.pipelines.verify.answers.equality import LENIENT, STRICT, EqualityContext, EqualityPolicy
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.answers.same import Judge
from rollmill.pipelines.verify.math_decision import MathQuestion, decide_exactly

POLICIES = (STRICT, LENIENT)
QUICK = settings(max_examples=150)
VALUES = st.fractions(min_value=-50, max_value=50, max_denominator=40)
WHOLE = st.integers(min_value=-(10**12), max_value=10**12)


@dataclass(frozen=True)
class Drawn:
    """An expression in two spellings, and its value at x = 3/7, y = 5/2 (None where it is undefined)."""

    one: str
    other: str
    value: Fraction | None


X, Y = Fraction(3, 7), Fraction(5, 2)


def leaf(value: Fraction) -> Drawn:
    plain = str(value) if value >= 0 else f"({value})"
    sign, top = ("-", -value.numerator) if value < 0 else ("", value.numerator)
    latex = f"{sign}\\frac{{{top}}}{{{value.denominator}}}" if value.denominator > 1 else f"{sign}{top}"
    return Drawn(plain, f"\\left({latex}\\right)", value)


LEAVES = st.one_of(VALUES.map(leaf), st.just(Drawn("x", "x", X)), st.just(Drawn("y", "{y}", Y)))


def added(a: Drawn, b: Drawn) -> Drawn:
    value = None if a.value is None or b.value is None else a.value + b.value
    return Drawn(f"({a.one})+({b.one})", f"({b.other}) + ({a.other})", value)


def taken(a: Drawn, b: Drawn) -> Drawn:
    value = None if a.value is None or b.value is None else a.value - b.value
    return Drawn(f"({a.one})-({b.one})", f"-({b.other})+({a.other})", value)


def times(a: Drawn, b: Drawn) -> Drawn:
    value = None if a.value is None or b.value is None else a.value * b.value
    return Drawn(f"({a.one})*({b.one})", f"({b.other})\\cdot({a.other})", value)


def squared(a: Drawn) -> Drawn:
    return Drawn(f"({a.one})^2", f"({a.other})({a.other})", None if a.value is None else a.value**2)


def expressions() -> st.SearchStrategy[Drawn]:
    return st.recursive(
        LEAVES,
        lambda inner: st.one_of(
            st.builds(added, inner, inner),
            st.builds(taken, inner, inner),
            st.builds(times, inner, inner),
            inner.map(squared),
        ),
        max_leaves=6,
    )


def decided(one: str, other: str, policy: EqualityPolicy = STRICT) -> bool | None:
    """What the layers in this process say of a pair; None where a worker would be asked."""
    context = EqualityContext("Find it.", policy)
    decision = decide_exactly(MathQuestion(one, other, "boxed", context))
    return None if decision is None else decision.outcome == "correct"


def both_orders(one: str, other: str, policy: EqualityPolicy = STRICT) -> bool | None:
    forward, backward = decided(one, other, policy), decided(other, one, policy)
    assert forward == backward, (one, other)
    return forward


@QUICK
@given(expressions())
def test_rewriting_keeps_an_expression_equal(drawn: Drawn) -> None:
    for policy in POLICIES:
        assert both_orders(drawn.one, drawn.other, policy) is True
    assert read(drawn.one).form == read(drawn.other).form


@QUICK
@given(expressions(), VALUES.filter(bool))
def test_a_perturbed_expression_is_another(drawn: Drawn, by: Fraction) -> None:
    assert both_orders(drawn.one, f"({drawn.other})+({by})") is False
    assert both_orders(f"({drawn.one})+x", f"{drawn.other}") is False


@QUICK
@given(expressions(), expressions())
def test_two_expressions_with_different_values_are_different(a: Drawn, b: Drawn) -> None:
    same = both_orders(a.one, b.one)
    if a.value is not None and b.value is not None and a.value != b.value:
        assert same is False


@QUICK
@given(VALUES)
def test_a_fraction_in_every_spelling(value: Fraction) -> None:
    sign, top, bottom = "-" if value < 0 else "", abs(value.numerator), value.denominator
    spellings = [
        f"{value.numerator}/{bottom}", rf"{sign}\frac{{{top}}}{{{bottom}}}", rf"\dfrac{{{sign}{top}}}{{{bottom}}}",
        f"{3 * value.numerator}/{3 * bottom}", f"x = {value}", f"${value}$", rf"\boxed{{{value}}}", rf"{value}\text{{ cm}}",
    ]  # fmt: skip
    if top > bottom > 1:
        spellings += [
            rf"{sign}{top // bottom}\frac{{{top % bottom}}}{{{bottom}}}",
            f"{sign}{top // bottom} {top % bottom}/{bottom}",
        ]
    for other in spellings:
        assert both_orders(str(value), other) is True, other
        assert both_orders(str(value + Fraction(1, 1000)), other) is False, other


@QUICK
@given(WHOLE)
def test_an_integer_in_every_spelling(number: int) -> None:
    latex = f"{number:,}".replace(",", "{,}")
    for other in (
        f"{number:,}",
        latex,
        f"{number}.0",
        f"{number:+d}",
        f"{number}00\\%",
        f"\\text{{{number}}}",
        f"  {number}. ",
    ):
        assert both_orders(str(number), other) is True, other
        assert both_orders(str(number + 1), other) is False, other
    assert both_orders(str(number), str(-number)) is (number == 0)


@QUICK
@given(st.lists(VALUES, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_order_counts_where_brackets_say_so(values: list[Fraction], rng: random.Random) -> None:
    shuffled = list(values)
    rng.shuffle(shuffled)
    one, other = ", ".join(map(str, values)), ", ".join(map(str, shuffled))
    assert both_orders(rf"\{{{one}\}}", rf"\{{{other}\}}") is True
    assert both_orders(f"({one})", f"({other})") is (values == shuffled)
    assert both_orders(one, other) is (values == shuffled)
    unordered = EqualityContext("Find it.", STRICT, "unordered")
    left, right = read(one).value, read(other).value
    assert left is not None
    assert right is not None
    assert Judge(unordered).same(left, right) is True


@QUICK
@given(st.fractions(min_value=-1000, max_value=1000, max_denominator=999), st.integers(min_value=2, max_value=6))
def test_rounding_is_lenient_and_nothing_else_is(value: Fraction, places: int) -> None:
    scale = 10**places
    rounded = Fraction(round(value * scale), scale)
    text = f"{'-' if rounded < 0 else ''}{abs(rounded.numerator) * (scale // rounded.denominator) // scale}."
    text += str(abs(rounded.numerator) * (scale // rounded.denominator) % scale).zfill(places)
    kept = abs(rounded) * scale >= 10
    assert both_orders(str(value), text) is (value == rounded)
    assert both_orders(str(value), text, LENIENT) is (value == rounded or kept)
    assert both_orders(str(value + Fraction(2, scale)), text, LENIENT) is False


@QUICK
@given(st.text(alphabet="0123456789xy+-*/^(){}[],.\\ $%=<>!|&_'abfqrstceiopnm", max_size=40), st.text(max_size=20))
def test_any_text_is_read_without_an_error_and_equals_itself(text: str, other: str) -> None:
    for given_text in (text, other):
        if given_text.strip():
            assert decided(given_text, given_text) is True
    if decided(text, other) is True:
        assert decided(other, text) is True
