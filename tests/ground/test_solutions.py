"""When two solutions are one. Numbers are sacred."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.solutions import key_of_completion, normal_form, solution_key, solution_text
from tests.pipelines.select.rollouts import rollout, rollouts


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("So 2 + 2 = 4.", "so 2+2=4."),
        ("Tom has  4\n apples ", "tom HAS 4 apples"),
        ("6 / 2\t= 3", "6/2 = 3"),
    ],
)
def test_copies(first: str, second: str) -> None:
    assert solution_key(first) == solution_key(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the answer is 4", "the answer is 5"),
        ("1 .5", "1.5"),
        ("3 -2", "3-2"),
        ("1 000", "1000"),
        ("1, 000", "1,000"),
        ("1 2", "12"),
        ("0.50", "0.5"),
        ("x²", "x2"),
        ("½", "1/2"),
        ("", "4"),
    ],
)
def test_no_copies(first: str, second: str) -> None:
    assert solution_key(first) != solution_key(second)


TEXTS = st.text(st.sampled_from(list("0123456789.,-+*/= \n\tabcXYZ()%²½")), max_size=40)


@given(TEXTS)
def test_the_normal_form_keeps_every_number(text: str) -> None:
    numbers = re.compile(r"\d+(?:[.,]\d+)*")
    assert numbers.findall(normal_form(text)) == numbers.findall(text)


@given(TEXTS)
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


@given(st.text(st.sampled_from(list("0a.+*/=<>×÷-ßİ \n\t\u00a0\u2003\x1c")), max_size=30))
def test_the_normal_form_is_the_one_that_stored_keys_were_made_of(text: str) -> None:
    """The rule as it was first written down, by regular expressions; its spelling here is ten times as fast."""
    folded = re.sub(r"\s+", " ", text).strip().casefold()
    assert normal_form(text) == re.sub(r" ?([+*/=<>×÷]) ?", r"\1", folded)


def test_lone_surrogates_have_a_key() -> None:
    assert len(solution_key("\ud800 4")) == 32


def test_reasoning_is_part_of_the_solution() -> None:
    completion = rollout(0, "correct", "4").completion
    argued = type(completion)(**{name: getattr(completion, name) for name in completion.__slots__} | {"reasoning": "2+2"})
    assert solution_text(argued) == "2+2\n4"
    assert solution_text(completion) == "4"


def test_only_whole_solutions_count() -> None:
    pool = [*rollouts(("correct", "a"), ("correct", "A "), ("correct", "c")), rollout(9, "correct", "cut", "length")]
    assert len({key_of_completion(graded.completion) for graded in pool} - {None}) == 2
    assert key_of_completion(pool[-1].completion) is None
