"""Cutting, dropping and inserting steps, and the traps of published code: a test for each."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.pipelines.edit import EDITORS, CannotEdit

TEXT = "First, 2 + 2 = 4.\n\nThen 4 * 10 = 40.\nSo it is 40.\n#### 40\n"
LINE = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=12)
SOLUTION = st.lists(LINE.filter(str.strip), min_size=2, max_size=8, unique=True)


def edited(name: str, text: str = TEXT, seed: int = 0, **options: object) -> str:
    return EDITORS[name](text, random.Random(seed), **options).text


def test_steps_are_counted_without_blank_lines() -> None:
    assert edited("upto_step", step=2) == "First, 2 + 2 = 4.\n\nThen 4 * 10 = 40."
    assert edited("before_step", step=2) == "First, 2 + 2 = 4."
    assert edited("upto_step", step=4) == TEXT.rstrip("\n")


@given(SOLUTION, st.integers(1, 8))
def test_cut_before_a_step_is_cut_behind_the_one_before(lines: list[str], step: int) -> None:
    text = "\n".join(lines)
    if 2 <= step <= len(lines):
        assert (
            edited("before_step", text, step=step)
            == edited("upto_step", text, step=step - 1)
            == "\n".join(lines[: step - 1])
        )


@pytest.mark.parametrize("step", ["", "none", "last", "2nd", "two", "-1", "1.5", "٣", "9" * 50, None, True])
@pytest.mark.parametrize("name", ["upto_step", "before_step"])
def test_a_step_that_cannot_be_read_is_refused_and_never_taken_for_the_last(name: str, step: object) -> None:
    with pytest.raises(CannotEdit, match=r"^step is '.*', and no number$"):
        edited(name, step=step)


@pytest.mark.parametrize("step", [0, "5", 999_999])
def test_a_step_that_is_not_there_is_refused(step: object) -> None:
    with pytest.raises(CannotEdit, match=rf"^step {step} of 4 is not there$"):
        edited("upto_step", step=step)


def test_before_the_first_step_stands_nothing() -> None:
    with pytest.raises(CannotEdit, match="nothing stands before step 1"):
        edited("before_step", step=1)


def test_dropped_steps_go_with_their_line_breaks() -> None:
    assert edited("drop_lines", step="2, 3") == "First, 2 + 2 = 4.\n\n#### 40\n"
    assert edited("drop_lines", "a\nb", step=2) == "a"
    assert edited("drop_lines", "a\nb\nc", step="2,3") == "a"
    with pytest.raises(CannotEdit, match="no step would be left"):
        edited("drop_lines", "a\nb", step="1,2")
    with pytest.raises(CannotEdit, match="1 steps before the last one, and 2 to drop"):
        edited("drop_lines", "a\nb", count=2)


@given(SOLUTION, st.integers(0, 9))
def test_levels_of_dropping_nest_and_the_answer_stays(lines: list[str], seed: int) -> None:
    """Dualformer's levels: what a lower one drops a higher one drops too."""
    before = set(range(1, len(lines) + 1))
    for count in range(1, len(lines)):
        one = EDITORS["drop_lines"]("\n".join(lines), random.Random(seed), count=count)
        left = before - set(one.facts["steps"])
        assert len(left) == len(before) - 1
        assert len(lines) in left
        assert one.text == "\n".join(lines[number - 1] for number in sorted(left))
        before = left


@given(SOLUTION, st.integers(1, 8))
def test_a_dropped_step_that_is_inserted_again_gives_the_text(lines: list[str], step: int) -> None:
    text = "\n".join(lines)
    if 2 <= step <= len(lines):
        dropped = edited("drop_lines", text, step=step)
        assert edited("insert_line", dropped, step=step - 1, line=lines[step - 1], most_alike=1) == text


def test_a_step_is_inserted_between_two_others_where_no_place_is_named() -> None:
    places = {edited("insert_line", "a1\nb2\nc3", seed, line="and so on") for seed in range(20)}
    assert places == {"a1\nand so on\nb2\nc3", "a1\nb2\nand so on\nc3"}
    assert edited("insert_line", "a1\nb2", step=0, line="and so on") == "and so on\na1\nb2"
    with pytest.raises(CannotEdit, match="the text has one step"):
        edited("insert_line", "a1", line="and so on")


def test_a_gap_is_where_a_step_goes() -> None:
    assert edited("gap", "a1\nb2\nc3", step=1) == "a1\n<|gap|>\nb2\nc3"
    assert edited("gap", "a1\nb2", step=0) == "<|gap|>\na1\nb2"
    assert {edited("gap", "a1\nb2\nc3", seed) for seed in range(20)} == {"a1\n<|gap|>\nb2\nc3", "a1\nb2\n<|gap|>\nc3"}
    assert {edited("hole", "a1\nb2\nc3", seed) for seed in range(20)} == {"<|gap|>\nb2\nc3", "a1\n<|gap|>\nc3"}
    assert edited("insert_line", "a1\n<|gap|>\nb2", line="and so on") == "a1\nand so on\nb2"
    with pytest.raises(CannotEdit, match=r"the text has <\|gap\|> in it"):
        edited("gap", "a1\n<|gap|>\nb2")
    with pytest.raises(CannotEdit, match="the text has 2 gaps"):
        edited("insert_line", "a1\n<|gap|>\n<|gap|>", line="and so on")
    with pytest.raises(CannotEdit, match="the text has one step"):
        edited("hole", "a1")


@given(SOLUTION, st.integers(0, 9))
def test_a_hole_that_is_filled_with_what_stood_there_gives_the_text(lines: list[str], seed: int) -> None:
    text = "\n".join(lines)
    one = EDITORS["hole"](text, random.Random(seed))
    (change,) = one.changes
    assert edited("insert_line", one.text, line=change.old, most_alike=1) == text


def test_a_gap_has_the_same_gates() -> None:
    text = edited("gap", step=1)
    with pytest.raises(CannotEdit, match="it repeats the step behind it"):
        edited("insert_line", text, line="Then 4 * 10 = 40!")
    with pytest.raises(CannotEdit, match="a false calculation"):
        edited("insert_line", text, line="Half of it is 4 / 2 = 3.")


def test_a_step_that_repeats_a_neighbour_is_refused() -> None:
    """MathFimer's gate, .8: it looks at the step that follows; here at the one before as well."""
    for line in ("Then 4 * 10 = 40!", "First, 2 + 2 = 4", "New words here.\nThen 4 * 10 = 40."):
        with pytest.raises(
            CannotEdit, match=r"it repeats the step (before|behind) it: (0\.9\d|1\.00) alike, more than 0\.8"
        ):
            edited("insert_line", step=1, line=line)
    assert "Four is 2 + 2." in edited("insert_line", step=1, line="Four is 2 + 2.")


def test_a_step_that_calculates_wrongly_is_refused() -> None:
    """MathFimer's traces have no check of what is inserted."""
    with pytest.raises(CannotEdit, match="a false calculation: 4 / 2=3"):
        edited("insert_line", step=1, line="Half of it is 4 / 2 = 3.")
    assert "Half of it is 4 / 2 = 2." in edited("insert_line", step=1, line="Half of it is 4 / 2 = 2.")


def test_nothing_is_no_step_and_neither_is_a_book() -> None:
    with pytest.raises(CannotEdit, match="there is nothing to insert"):
        edited("insert_line", step=1, line=" \n")
    for book in ("page\n" * 60 + "end", "word " * 9_000):
        with pytest.raises(CannotEdit, match="more than 50 lines or 20,000 characters to insert"):
            edited("insert_line", step=1, line=book)
