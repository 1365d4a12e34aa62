"""What a program printed against what it should: which white space counts, and stated tolerances."""

import pytest

from pipelines.verify.code.output import same_output


@pytest.mark.parametrize(
    ("expected", "printed", "lines", "exact", "tokens"),
    [
        ("3\n", "3", True, False, True),
        ("3\n", "3\n\n\n", True, False, True),
        ("3", "3  \r\n", True, False, True),
        ("3\n", "3\n", True, True, True),
        ("a b", "a  b", False, False, True),
        ("a\nb", "a b", False, False, True),
        ("  a", "a", False, False, True),
        ("a\n\nb", "a\nb", False, False, True),
        ("3", "3.0", False, False, False),
        ("Yes", "yes", False, False, False),
        ("", "", True, True, True),
        ("", "\n", True, False, True),
        ("3", "", False, False, False),
        ("1 2", "1", False, False, False),
    ],
)
def test_spacing(expected: str, printed: str, *, lines: bool, exact: bool, tokens: bool) -> None:
    assert same_output(expected, printed) is lines
    assert same_output(expected, printed, spacing="exact") is exact
    assert same_output(expected, printed, spacing="tokens") is tokens


def test_a_stated_tolerance_is_for_decimal_numbers_only() -> None:
    assert same_output("3.14159 a", "3.1416 a", tolerance=1e-4)
    assert not same_output("3.14159 a", "3.1416 b", tolerance=1e-4)
    assert not same_output("3.14159", "3.2", tolerance=1e-4)
    assert same_output("1000000", "1000000.5", tolerance=1e-6)
    assert not same_output("1\n2", "1 2", tolerance=1e-6)
    assert same_output("1\n2", "1 2", tolerance=1e-6, spacing="tokens")
    assert not same_output("1", "nan", tolerance=1e9)
    assert not same_output("1", "1_0", tolerance=1e9)
    assert not same_output("1", "9" * 1_000_000, tolerance=1e-6)
    assert not same_output("1", "1e9999", tolerance=1e9)
