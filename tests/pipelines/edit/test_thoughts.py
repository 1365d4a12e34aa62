"""Changes of thought: where a sentence begins with such a word, and nowhere else; a text is cut before one of them."""

import random
import re

import pytest

from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.thoughts import switches_of

TRACE = "Wait, 3 + 4 = 7. Then 7 * 2 = 14.\n\nAlternatively, 4 + 3 = 7. But wait: that is the same! Hmm. So 14.\n#### 14"


def test_a_thought_changes_where_a_sentence_begins_with_such_a_word() -> None:
    words = [re.split("[,:.]", TRACE[at:], maxsplit=1)[0] for at in switches_of(TRACE)]
    assert words == ["Alternatively", "But wait", "Hmm"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Wait, 2 + 2 = 4.",  # it begins the text
        "They wait for 3 hours. So 4.",
        "He says that actually 4 are left.",
        "First 2. Waiting costs 3. Another 4 are left.",
    ],
)
def test_a_word_inside_a_sentence_or_at_the_beginning_changes_nothing(text: str) -> None:
    assert switches_of(text) == []
    with pytest.raises(CannotEdit, match="no thought changes"):
        EDITORS["before_switch"](text, random.Random(0))


def test_a_text_is_cut_before_the_change_that_is_named_or_that_the_seed_chooses() -> None:
    first, last = "Wait, 3 + 4 = 7. Then 7 * 2 = 14.", "Wait, 3 + 4 = 7. Then 7 * 2 = 14.\n\nAlternatively, 4 + 3 = 7."
    cut = EDITORS["before_switch"]
    assert cut(TRACE, random.Random(0), step="1").text == first
    assert cut(TRACE, random.Random(0), step=2).text == last
    assert len({cut(TRACE, random.Random(seed)).text for seed in range(20)}) == 3
    for step in ("4", 0, "last", True):
        with pytest.raises(CannotEdit):
            cut(TRACE, random.Random(0), step=step)


def test_what_is_left_of_a_text_has_fewer_changes_so_a_walk_ends() -> None:
    text, counts = TRACE, [len(switches_of(TRACE))]
    while counts[-1]:
        text = EDITORS["before_switch"](text, random.Random(counts[-1])).text
        counts.append(len(switches_of(text)))
    assert counts == sorted(set(counts), reverse=True)


def test_a_run_of_line_breaks_takes_no_square_of_its_length() -> None:
    assert list(switches_of("a" + "\n" * 300_000 + "b")) == []
    assert len(switches_of("a. " + "wait. " * 100_000)) == 100_000
