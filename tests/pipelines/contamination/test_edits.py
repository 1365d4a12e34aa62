"""Edits: pure functions of text and chance that keep the numbers, but for the one that changes them all."""

import random

import pytest

from rollmill.pipelines.contamination.edits import EDITS, RENUMBERED
from rollmill.pipelines.contamination.texts import numbers, tokens

TEXT = "On Monday Janet buys 3 pens for 1,200 coins. How many coins does Janet pay each day if 12 days pass?"


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_deterministic_and_keeps_the_numbers(name: str) -> None:
    first, again = (EDITS[name](TEXT, random.Random(4)) for _ in range(2))
    assert first is not None
    assert first == again
    assert (first == TEXT) == (name == "exact")
    assert (set(numbers(tokens(first))) >= set(numbers(tokens(TEXT)))) == (name != RENUMBERED)


def test_what_each_edit_does() -> None:
    rng = random.Random(4)
    assert EDITS["reordered"](TEXT, rng) == (
        "How many coins does Janet pay each day if 12 days pass? On Monday Janet buys 3 pens for 1,200 coins."
    )
    renamed = str(EDITS["renamed"](TEXT, rng))
    assert "Janet" not in renamed
    assert renamed.count(renamed.split()[2]) == 2
    assert str(EDITS["respelled"](TEXT, rng)).startswith("On Monday Janet buys three pens for 1200 coins.")
    assert "purchases 3 pens" in str(EDITS["paraphrased"](TEXT, rng))
    assert set(numbers(tokens(str(EDITS[RENUMBERED](TEXT, rng))))).isdisjoint({"3", "12", "1200"})


def test_an_edit_that_finds_nothing_to_change_gives_none() -> None:
    rng = random.Random(1)
    assert EDITS["renamed"]("how many?", rng) is None
    assert EDITS["reordered"]("One sentence only.", rng) is None
    assert EDITS["reordered"]("Again. Again.", rng) is None
    assert EDITS[RENUMBERED]("no numbers", rng) is None
    assert EDITS["misspelt"]("1 + 2", rng) is None
    assert EDITS["respelled"]("x^2-3", rng) is None


def test_a_text_that_holds_every_small_number_is_renumbered_all_the_same() -> None:
    text = " ".join(map(str, range(2, 40)))
    other = str(EDITS[RENUMBERED](text, random.Random(1)))
    assert len(set(other.split())) == 38
    assert set(other.split()).isdisjoint(text.split())
