"""Near duplicates: found among many, confirmed exactly, and never across different numbers."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.pipelines.select.near_duplicates import NearDuplicates, near_duplicates

STORY = (
    "A baker makes {a} loaves of bread every morning and sells {b} of them before noon. In the afternoon the baker sells "
    "another {c} loaves to the school at the corner. How many loaves of bread does the baker have left in the evening?"
)
WORDS = [
    *("river", "stone", "cloud", "apple", "train", "garden", "window", "market"),
    *("doctor", "paper", "silver", "winter", "teacher", "bridge", "bottle", "island"),
]


def test_problems_that_differ_only_in_one_number_are_different_problems() -> None:
    texts = [STORY.format(a=a, b=20, c=15) for a in (60, 61, 600, "60.5", "-60", "sixty", "seventy")]
    assert near_duplicates(texts, 0.5) == [None] * 7


def test_numbers_that_changed_places_make_another_problem() -> None:
    assert near_duplicates([STORY.format(a=60, b=20, c=15), STORY.format(a=60, b=15, c=20)], 0.5) == [None, None]


def test_another_wording_of_the_same_numbers_is_a_near_duplicate() -> None:
    first = STORY.format(a=60, b=20, c=15)
    assert near_duplicates(
        [first, first.replace("baker", "cook"), first.upper(), first.replace("evening", "night")], 0.7
    ) == [
        None,
        None,
        0,
        0,
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x² + 1", "x³ + 1"),
        ("3 + 4", "3 - 4"),
        ("3 - 4", "3 -4"),
        ("5 more than 3", "5 fewer than 3"),
        ("it is 50", "it is 50%"),
        ("twice 4", "half 4"),
        ("he did 5", "he did not 5"),
        ("1/2", "½"),
        ("٣", "٤"),
    ],
)
def test_what_turns_a_statement_around_is_never_a_near_duplicate(first: str, second: str) -> None:
    assert near_duplicates([first, second], 0.5) == [None, None]


def test_identical_and_empty_texts_are_duplicates() -> None:
    assert near_duplicates(["", "", "a", "a"], 1.0) == [None, 0, None, 2]


def test_planted_copies_are_found_among_many_and_nothing_else() -> None:
    """400 unrelated texts with the same numbers (so hashing has to work), 40 of them repeated with one word changed."""
    rng = random.Random(5)
    originals = [" ".join(rng.choices(WORDS, k=60)) for _ in range(400)]
    copies = [" ".join([*text.split()[:-1], "planted"]) for text in originals[::10]]
    matches = near_duplicates(originals + copies, 0.9)
    assert matches[:400] == [None] * 400
    assert matches[400:] == list(range(0, 400, 10))


def test_below_the_threshold_nothing_is_dropped_however_hashing_falls() -> None:
    rng = random.Random(6)
    base = rng.choices(WORDS, k=40)
    texts = []
    for _ in range(120):
        changed = list(base)
        for position in rng.sample(range(40), 6):
            changed[position] = rng.choice(WORDS)
        texts.append(" ".join(changed))
    for index, match in enumerate(near_duplicates(texts, 0.8)):
        assert match is None or jaccard(texts[index], texts[match]) >= 0.8


def jaccard(first: str, second: str) -> float:
    """Brute force over word 3-grams."""
    grams = [{tuple(text.split()[i : i + 3]) for i in range(len(text.split()) - 2)} for text in (first, second)]
    return len(grams[0] & grams[1]) / len(grams[0] | grams[1])


@given(st.lists(st.text(st.sampled_from(list("ab 12+")), max_size=12), max_size=50))
@settings(max_examples=50)
def test_it_is_deterministic_and_a_match_is_an_earlier_kept_text(texts: list[str]) -> None:
    matches = near_duplicates(texts, 0.6)
    assert near_duplicates(texts, 0.6) == matches
    for index, match in enumerate(matches):
        if match is not None:
            assert match < index
            assert matches[match] is None
            numbers, others = (re.findall(r"\d+|\+", texts[place]) for place in (index, match))
            assert numbers == others


def test_lone_surrogates_are_only_characters() -> None:
    assert near_duplicates(["\ud800 a b", "\ud800 a b"], 0.9) == [None, 0]


def test_the_index_numbers_what_it_keeps() -> None:
    index = NearDuplicates(0.8)
    assert index.find("a b c d") is None
    assert (index.add("a b c d"), index.add("x y z w")) == (0, 1)
    assert index.find("x y z w") == 1
