"""Beginnings that are right as far as a known solution says, and hints that tell no answer; a test for each trap."""

import random

import pytest

from rollmill.pipelines.edit import EDITORS, CannotEdit

KNOWN = "She has 16 - 3 = <<16-3=13>>13 eggs.\nOf them 13 - 4 = <<13-4=9>>9 are left.\nThat is 9 * 2 = <<9*2=18>>18.\nA: 18"


def begun(text: str, known: str = KNOWN) -> str:
    return EDITORS["upto_state"](text, random.Random(0), known=known).text


def test_a_solution_is_cut_where_its_values_leave_those_of_the_known_one() -> None:
    own = "First 16 - 3 = 13.\nThen 13 - 4 = 9.\nSo 9 + 2 = 11.\nA: 11"
    assert begun(own) == "First 16 - 3 = 13.\nThen 13 - 4 = 9."
    edited = EDITORS["upto_state"](own, random.Random(0), known=KNOWN)
    assert edited.meta["known_steps"] == [2, 3]


def test_the_longest_beginning_counts_and_order_does_not() -> None:
    """After 13 alone the state is known; after 7 it is not; with both 13 and 9 it is known again only without the 7."""
    known = "4 + 4 = 8\n8 + 1 = 9\n8 * 9 = 72"
    assert begun("8 + 1 = 9\n4 + 4 = 8\n9 + 8 = 17", known) == "8 + 1 = 9\n4 + 4 = 8"
    with pytest.raises(CannotEdit, match="no line computes what the known solution does"):
        begun("7 + 0 = 7\n4 + 4 = 8", known)


def test_a_false_line_ends_the_beginning() -> None:
    assert begun("16 - 3 = 13\n13 - 4 = 8\n9 + 0 = 9") == "16 - 3 = 13"


def test_a_line_counts_whole_or_not_at_all() -> None:
    """Its first calculation is the known one's, its second is not: the line is no part of the beginning."""
    assert begun("16 - 3 = 13\n13 - 4 = 9, and 9 + 2 = 11\nA: 11") == "16 - 3 = 13"


def test_a_beginning_of_the_known_solution_itself_is_refused() -> None:
    with pytest.raises(CannotEdit, match="it is the beginning of the known solution"):
        begun(KNOWN.split("\n", maxsplit=1)[0] + "\nThen 13 + 4 = 17.\nA: 17")


def test_values_have_no_meaning_as_published() -> None:
    """The published key ignores names: thirteen hats match thirteen eggs. Whoever keeps such rows has to know."""
    assert begun("There are 20 - 7 = 13 hats.\nSo 13 + 1 = 14.") == "There are 20 - 7 = 13 hats."


@pytest.mark.parametrize("text", ["", "no numbers", "16 - 3 = 14"])
def test_what_computes_nothing_known_is_refused(text: str) -> None:
    with pytest.raises(CannotEdit):
        begun(text)


@pytest.mark.parametrize(
    ("hint", "answer"),
    [
        ("It is 18.", "18"),
        ("It is eighteen, 18.0 to be exact", "18"),
        ("1,800 cents", "$1800"),
        ("\\frac{1}{2} of it", "0.5"),
        ("half, that is .5", "1/2"),
        ("1/2", "0.5"),
        ("minus 4", "-4"),
        ("The PARIS one", "Paris"),
        ("#### 7", "work\n#### 7"),
        ("it is 36/2", "18"),
    ],
)
def test_a_hint_that_tells_the_answer_is_refused(hint: str, answer: str) -> None:
    with pytest.raises(CannotEdit, match="it tells the answer"):
        EDITORS["no_answer"](hint, random.Random(0), known=answer)


@pytest.mark.parametrize(
    ("hint", "answer"),
    [
        ("Subtract 3 from 16 first.", "18"),
        ("Use 118 and 180.", "18"),
        ("Parisian food", "Paris"),
        ("in 1 of 8 cases", "18"),
    ],
)
def test_a_hint_that_does_not_tell_it_is_the_same_text(hint: str, answer: str) -> None:
    assert EDITORS["no_answer"](hint, random.Random(0), known=answer).text == hint


def test_without_an_answer_nothing_vouches_for_a_hint() -> None:
    with pytest.raises(CannotEdit, match="no answer is known"):
        EDITORS["no_answer"]("Begin.", random.Random(0), known="  ")


def test_a_revision_as_long_as_what_it_revises_is_refused() -> None:
    edited = EDITORS["shorter"]("one two", random.Random(0), known="one two three")
    assert (edited.text, edited.meta["shortened"]) == ("one two", [2, 3])
    for text in ("one two three", "three  more\nwords here", " "):
        with pytest.raises(CannotEdit):
            EDITORS["shorter"](text, random.Random(0), known="one two three")


@pytest.mark.parametrize(
    ("known", "text"),
    [("#### 12", "The point is (3,12)."), ("#### \\$12", "It is 12 dollars."), ("#### 12", "It is 3, 12")],
)
def test_an_answer_beside_a_comma_or_without_its_currency_is_told(known: str, text: str) -> None:
    with pytest.raises(CannotEdit, match="it tells the answer"):
        EDITORS["no_answer"](text, random.Random(0), known=known)
