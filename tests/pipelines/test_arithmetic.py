from fractions import Fraction

import pytest

from rollmill.pipelines.arithmetic import value_of

ONE, TWO, THREE = Fraction(1), Fraction(2), Fraction(3)


@pytest.mark.parametrize(
    ("tokens", "value"),
    [
        ([TWO, "-", "(", ONE, "-", THREE, ")", "*", TWO], Fraction(6)),
        ([ONE, "/", TWO, "/", THREE], Fraction(1, 6)),
        ([TWO, "/", "(", THREE, ")", "%"], Fraction(200, 3)),
        ([TWO, "%", "%"], None),
        ([TWO, "*", "*", THREE], None),
        ([TWO, "/", "/", THREE], None),
        ([TWO, "-", THREE, "//", TWO], ONE),
        ([THREE, "//", "(", ONE, "-", ONE, ")"], None),
        ([TWO, "(", THREE, ")"], None),
        ([ONE, "/", "(", ONE, "-", ONE, ")"], None),
        ([TWO, THREE], None),
        (["+", TWO], None),
        ([], None),
    ],
)
def test_a_value_is_exact_or_none(tokens: list[str | Fraction], value: Fraction | None) -> None:
    assert value_of(tokens) == value
    assert value_of(tokens, signed=True) == value


def test_a_minus_before_a_number_is_read_where_it_may_stand() -> None:
    assert value_of([TWO, "*", "-", THREE, "%"], signed=True) == Fraction(-6, 100)
    assert value_of([TWO, "*", "-", THREE, "%"]) is None
