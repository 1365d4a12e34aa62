"""Numbers in Chinese numerals, those beyond ten thousand above all; words are in `test_spelled_numbers`."""

import pytest

from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.answers.expressions.numerals import in_digits


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("一万二千", 12_000),
        ("一亿二千万", 120_000_000),
        ("一万亿", 10**12),
        ("两万亿", 2 * 10**12),
        ("一万二千亿", 12 * 10**11),
        ("三千万亿", 3 * 10**15),
        ("一万亿零五千万", 10**12 + 5 * 10**7),
        ("萬億", 10**12),
    ],
)
def test_a_larger_unit_multiplies_all_before_it(text: str, number: int) -> None:
    assert in_digits(text) == str(number)
    assert verify([("How many?", str(number), f"#### {text}")])[0].outcome == "correct"


@pytest.mark.parametrize("text", ["一万万", "一亿亿", "一亿万", "三万五千万", "一亿三亿"])
def test_units_that_neither_multiply_nor_fall_are_not_read(text: str) -> None:
    assert in_digits(text) == text
