"""What the suites hold: counts, distinct rows, both orders, marks that are filled in, a verifier's own suite."""

from collections import Counter
from fractions import Fraction

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.certify.suite_rows import SECTIONS
from rollmill.pipelines.certify.suites import SUITES, options_of, select_suite
from rollmill.pipelines.certify.tables.answers import DIFFERENT, EQUAL


def test_the_math_suite_has_every_section_in_force() -> None:
    counts = Counter(row.section for row in SUITES["math"]({}).rows)
    assert set(counts) | {"threads"} == set(SECTIONS)
    assert counts["equivalence"] >= 400
    assert counts["non_equivalence"] >= 500
    assert counts["denial_of_service"] >= 250
    assert counts["code_execution"] >= 300
    assert counts["tampering"] >= 100


def test_no_row_twice_and_no_pair_in_two_tables() -> None:
    for name, make in SUITES.items():
        rows = [(row.prompt, row.reference, row.text, row.tests) for row in make(options_of(name, {})).rows]
        assert [row for row, count in Counter(rows).items() if count > 1] == []
    pairs = [frozenset(pair) for table in (EQUAL, DIFFERENT) for group in table.values() for pair in group]
    assert [pair for pair, count in Counter(pairs).items() if count > 1] == []


def test_plain_numbers_are_filed_right_by_exact_arithmetic() -> None:
    checked = 0
    for row in SUITES["number"]({}).rows:
        if row.section in ("equivalence", "non_equivalence") and row.text.startswith("\\boxed{"):
            try:
                sides = [Fraction(text.replace(",", "").replace("−", "-")) for text in (row.reference, row.text[7:-1])]
            except ValueError:
                continue
            checked += 1
            assert (sides[0] == sides[1]) == (row.section == "equivalence"), row
    assert checked > 60


def test_a_suite_is_asked_for_declared_or_known_by_name() -> None:
    assert select_suite("any.py:Verifier", "number", "math", frozenset()).name == "number"
    assert select_suite("any.py:Verifier", None, "math", frozenset()).name == "math"
    assert select_suite("number", None, None, frozenset()).name == "number"
    with pytest.raises(SetupError, match=r"does not say which suite.*Valid: .*math.*--suite"):
        select_suite("any.py:Verifier", None, None, frozenset())
    with pytest.raises(SetupError, match="Did you mean 'math'"):
        select_suite("math", "maths", None, frozenset())


def test_sections_can_be_chosen() -> None:
    rows = select_suite("math", None, None, frozenset({"always_equal"})).rows
    assert {row.section for row in rows} == {"always_equal"}
