"""Plain numbers are read exactly or not at all."""

from fractions import Fraction

import pytest

from rollmill.pipelines.verify.answers.expressions.quantity import parse_quantity, print_slack

READ = [
    ("18", Fraction(18), "", ""),
    ("-3", Fraction(-3), "", ""),
    ("−3", Fraction(-3), "", ""),
    ("+4", Fraction(4), "", ""),
    ("016", Fraction(16), "", ""),
    ("22.0", Fraction(22), "", ""),
    (".5", Fraction(1, 2), "", ""),
    ("5.", Fraction(5), "", ""),
    ("0.1", Fraction(1, 10), "", ""),
    ("1,234,567", Fraction(1234567), "", ""),
    ("10{,}000", Fraction(10000), "", ""),
    ("$1,500.50", Fraction(3001, 2), "", "dollar"),
    ("-$5", Fraction(-5), "", "dollar"),
    ("\\$18", Fraction(18), "", "dollar"),
    ("€20", Fraction(20), "", "euro"),
    ("1\\ 234", Fraction(1234), "", ""),
    ("5 hundredths", Fraction(5), "hundredths", ""),
    ("2 dozens", Fraction(2), "dozen", ""),
    ("$18$", Fraction(18), "", ""),
    ("\\(18\\)", Fraction(18), "", ""),
    ("**18**", Fraction(18), "", ""),
    ("3/4", Fraction(3, 4), "", ""),
    ("\\frac{3}{4}", Fraction(3, 4), "", ""),
    ("-\\dfrac{3}{4}", Fraction(-3, 4), "", ""),
    ("\\frac34", Fraction(3, 4), "", ""),
    ("1 1/2", Fraction(3, 2), "", ""),
    ("1\\frac{1}{2}", Fraction(3, 2), "", ""),
    ("-1\\frac{1}{2}", Fraction(-3, 2), "", ""),
    ("1.5e3", Fraction(1500), "", ""),
    ("1.5 \\times 10^{3}", Fraction(1500), "", ""),
    ("2e-3", Fraction(1, 500), "", ""),
    ("50%", Fraction(50), "%", ""),
    ("50\\%", Fraction(50), "%", ""),
    ("12.5 percent", Fraction(25, 2), "%", ""),
    ("3 million", Fraction(3), "million", ""),
    ("18 eggs", Fraction(18), "", "eggs"),
    ("18 eggs per day.", Fraction(18), "", "eggs per day"),
    ("4\\text{ cm}", Fraction(4), "", "cm"),
    ("4{cm}", Fraction(4), "", "cm"),
    ("4 cm^2", Fraction(4), "", "cm^2"),
    ("\\text{13}", Fraction(13), "", ""),
    ("90^\\circ", Fraction(90), "", "°"),
    ("5 dollars", Fraction(5), "", "dollars"),
]


@pytest.mark.parametrize(("text", "value", "scale", "unit"), READ)
def test_reads_exactly(text: str, value: Fraction, scale: str, unit: str) -> None:
    quantity = parse_quantity(text)
    assert quantity is not None
    assert (quantity.value, quantity.scale, quantity.unit) == (value, scale, unit)


@pytest.mark.parametrize(
    "text",
    [
        "", "abc", "5x", "x5", "2 3", "1,23", "1/0", "1/2/3", "2^3", "2\\sqrt{3}", "3 + 4", "(1, 2)", "12 a and 3 b",
        "12:00", "1e999", "--5", "-$-5", "5 pi", "5!", "1.2.3", "[3]", "1_000", "٣x", "3 or 4", "about 5", "nan", "inf",
        "5 less than x", "10**10**10", "__import__('os')", "1" * 5000, "3i", "\x00", "1 2/0",
    ],
)  # fmt: skip
def test_refuses_what_is_not_one_plain_number(text: str) -> None:
    assert parse_quantity(text) is None


def test_only_long_decimals_have_slack() -> None:
    for exact in ("0.333333", "123456789012345678901", "262537412640768744", "3", "-12.5"):
        assert print_slack(exact) == 0
    assert print_slack("12345678901234.5") == Fraction(1, 10)
    assert print_slack("0.333333333333333") == Fraction(1, 10**15)
    assert print_slack("0.33333333333333333333") == Fraction(1, 2 * 10**20)
    assert print_slack("12345678901234567") == 0


def test_a_product_without_its_second_factor_is_no_number() -> None:
    assert [parse_quantity(text) for text in (r"7\cdot", r"7 \times", r"\cdot 7")] == [None, None, None]
    product = parse_quantity(r"2\cdot 10^{3}")
    assert product is not None
    assert product.value == 2_000
