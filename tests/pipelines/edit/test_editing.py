"""What is recorded of a change is enough to make it again, and points at it exactly."""

import random

from hypothesis import given
from hypothesis import strategies as st

from rollmill.pipelines.edit.editing import Change, EditedText, changes_between, words_changed

WORDS = st.lists(st.sampled_from(["6", "16", "+", "=", "eggs", " ", "\n", "<<", ">>", "é", "\ud800"]), max_size=40).map(
    "".join
)


@given(WORDS, WORDS)
def test_the_changes_between_two_texts_turn_one_into_the_other(before: str, after: str) -> None:
    made, end = "", 0
    for change in changes_between(before, after):
        made += before[end : change.at[0]] + after[slice(*change.to)]
        assert before[slice(*change.at)] != after[slice(*change.to)]
        end = change.at[1]
    assert made + before[end:] == after


def test_a_change_is_the_number_alone() -> None:
    before, after = "A\nHe has <<16-3=13>>13 eggs.\n#### 13", "A\nHe has <<16-3=14>>14 eggs.\n#### 14"
    changes = changes_between(before, after)
    assert [(one.line, one.old, one.new) for one in changes] == [(2, "13", "14"), (2, "13", "14"), (3, "13", "14")]
    assert words_changed(before, after, changes) == 2


def test_texts_that_differ_everywhere_are_one_change() -> None:
    rng = random.Random(0)
    before, after = ("".join(rng.choice("a1 ") for _ in range(9_000)) for _ in range(2))
    (change,) = changes_between(f"x{before}y", f"x{after}y")
    assert len(change.old) == len(change.new) == 201


def test_a_row_records_a_hundred_changes_and_how_many_more_there_are() -> None:
    meta = EditedText("", "much", [Change(1, "a", "b", (0, 1), (0, 1))] * 130).meta
    assert len(meta["changes"]) == 100
    assert meta["changes_left_out"] == 30
    assert meta["changes"][0] == {"line": 1, "old": "a", "new": "b", "at": [0, 1], "to": [0, 1]}
