"""What is planted is what it says: errors change the exact value, dresses do not. Read back with the standard library."""

import random
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.records import Problem
from rollmill.pipelines.certify.planted import KINDS, REFORMATTED, PlantedVariant, planted_variants

STEPS = "She sells 3 * 12 = <<3*12=36>>36 eggs.\nThen 36 + 1,204 = 1,240 are left."
RIGHT = [
    ("1240", f"{STEPS}\n#### 1,240"),
    ("1,240", f"{STEPS}\nA: 1240"),
    ("$1240", f"{STEPS}\nSo \\(\\boxed{{\\$1240}}\\) in all."),
    ("1/4", "Half of 1/2 is it. \\boxed{\\frac{1}{4}}"),
    ("0.25", "It is so.\nThe answer is 0.25."),
    ("-7", "We have 5 - 12 = -7.\nThus $\\boxed{-7}$."),
    ("1/3", "The answer is 1/3."),
    ("(3, -1/2)", "So \\boxed{(3, -1/2)}."),
    ("x = 1, y = 2.5", "So\n#### x = 1, y = 2.5"),
    ("0", "3 - 3 = 0\n#### 0"),
]


def standard(text: str) -> Fraction:
    """The value of a number's spelling by the standard library alone."""
    plain = text.replace("{,}", "").replace(",", "").replace("\\$", "").replace("$", "").strip().rstrip(".")
    plain = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", plain)
    return Fraction(plain)


def final(text: str) -> str:
    """The answer of a planted text, found by its mark alone."""
    if "####" in text:
        return text.rpartition("####")[2]
    if "\\boxed{" in text:
        inner = text.rpartition("\\boxed{")[2]
        return re.split(r"\}(?:[^{}]*)\Z", inner)[0]
    return re.split(r"A:|answer is", text)[-1]


def variants(reference: str, text: str, seed: int = 0) -> list[PlantedVariant]:
    return planted_variants(Problem("How many?", reference), text, random.Random(seed))


def test_a_worked_solution_gets_every_kind_but_pairs_and_code() -> None:
    kinds = {one.kind for seed in range(20) for one in variants(*RIGHT[0], seed)}
    assert kinds == set(KINDS) - {"swapped_unknowns", "code_mutant"}


def test_the_same_seed_plants_the_same() -> None:
    assert variants(*RIGHT[0], 7) == variants(*RIGHT[0], 7)
    assert variants(*RIGHT[0], 7) != variants(*RIGHT[0], 8)


@pytest.mark.parametrize(("reference", "text"), [row for row in RIGHT if row[0][0] not in "(x"])
def test_errors_change_the_value_and_dresses_keep_it(reference: str, text: str) -> None:
    for seed in range(30):
        for one in variants(reference, text, seed):
            same = standard(final(one.text)) == standard(reference)
            assert same == (one.kind == REFORMATTED), one
            assert one.expected_outcome == ("correct" if same else "incorrect")


def test_swapping_changes_which_value_belongs_to_which_name() -> None:
    (pair,) = [one for one in variants(*RIGHT[7]) if one.kind == "swapped_unknowns"]
    assert pair.text == "So \\boxed{(-1/2, 3)}."
    (named,) = [one for one in variants(*RIGHT[8]) if one.kind == "swapped_unknowns"]
    assert named.text == "So\n#### x = 2.5, y = 1"


def test_equal_values_are_not_swapped() -> None:
    assert not [one for one in variants("(2, 2.0)", "\\boxed{(2, 2.0)}") if one.kind == "swapped_unknowns"]


def test_a_misread_operand_is_carried_on() -> None:
    text = "2 + 2 = 4\n4 * 10 = 40\n#### 40"
    for seed in range(30):
        for one in variants("40", text, seed):
            if one.kind == "operand":
                found = re.search(r"(\d+) \* (\d+) = (\d+)\n#### (\d+)\Z", one.text)
                assert found is not None
                left, right, result, answer = map(int, found.groups())
                assert left * right == result == answer != 40
                assert (left == 4) != (right == 10)


def test_a_dropped_step_answers_with_the_step_before() -> None:
    (dropped,) = [one for one in variants("40", "2 + 2 = 4\n4 * 10 = 40\n#### 40") if one.kind == "dropped_step"]
    assert dropped.text == "2 + 2 = 4\n4\n#### 4"


def test_nothing_is_planted_where_the_answer_is_not_provably_right() -> None:
    for reference, text in (
        ("40", "#### 41"),
        ("40", "It is 40"),
        ("x+1", "\\boxed{x+1}"),
        ("40", ""),
        ("40", "\\boxed{40"),
        ("40", "#### " + "4" * 300),
        ("40", "{" * 200_000),
    ):
        assert variants(reference, text) == []


def test_the_dresses_of_a_right_answer_are_accepted_and_errors_refused() -> None:
    from rollmill.pipelines.verify import verify

    rows = [(one, reference) for reference, text in RIGHT for seed in (0, 1) for one in variants(reference, text, seed)]
    verdicts = verify([("How many?", reference, one.text) for one, reference in rows])
    assert [(one.kind, one.how, one.text) for (one, _), verdict in zip(rows, verdicts, strict=True)
            if verdict.outcome != one.expected_outcome] == []  # fmt: skip
    assert len(rows) > 100


@given(st.fractions(max_denominator=10_000), st.integers(0, 2**32))
def test_any_number_survives_its_dresses_and_no_error(value: Fraction, seed: int) -> None:
    for one in variants(str(value), f"It follows.\n#### {value}", seed):
        assert (standard(final(one.text)) == value) == (one.kind == REFORMATTED), one
