"""The engine `retrieve`: the nearest stored texts, never the text itself, in blocks that no text can end."""

import math
from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Sampling, requests_for
from rollmill.pipelines.contamination.texts import tokens
from rollmill.pipelines.generate.tools.retrieve import Retrieve

STORED = [
    "A train goes north at 60 miles an hour.",
    "Ann has three eggs and sells two eggs.",
    "Ann has 16 eggs and eats 3.",
    "  ann HAS 16 eggs and eats 3. ",
    "Nothing like it",
]


def asked(engine: Retrieve, text: str) -> Completion:
    origin = Origin("retrieve", engine.model_digest, "curate")
    (row,) = engine.generate(list(requests_for(Problem(text, ""), text, Sampling(), origin, [0])))
    return row


def brute(texts: list[str], text: str) -> list[float]:
    """Okapi BM25 as it is written down."""
    documents = [tokens(one) for one in texts]
    mean = sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        score = 0.0
        for word in set(tokens(text)):
            having = sum(word in other for other in documents)
            count = Counter(words)[word]
            rarity = math.log(1 + (len(documents) - having + 0.5) / (having + 0.5))
            score += rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(words) / mean))
        scores.append(score)
    return scores


def test_the_nearest_come_first_by_the_formula() -> None:
    text = "Ann sells 3 eggs at 60 cents an egg"
    engine = Retrieve(texts=STORED, count=5)
    scores = brute(STORED, text)
    wanted = [number for number in sorted(range(5), key=lambda number: (-scores[number], number)) if scores[number] > 0]
    assert engine.nearest(text) == [number for number in wanted if number != 3]  # the same text as number 2
    assert engine.nearest(text) == [0, 1, 2]


def test_the_text_itself_is_never_given_whatever_its_case_and_blanks() -> None:
    assert Retrieve(texts=STORED).nearest("Ann has 16 eggs  and eats 3.") == [1]
    assert Retrieve(texts=STORED, count=1).nearest("Ann has 16 eggs.") == [2]


def test_of_equally_near_texts_the_earlier_comes_first() -> None:
    texts = [f"{name} eats an apple" for name in ("Bea", "Cem", "Dan", "Eli")]
    assert Retrieve(texts=texts, count=3).nearest("Who eats an apple?") == [0, 1, 2]
    assert Retrieve(texts=texts[::-1], count=3).nearest("Who eats an apple?") == [0, 1, 2]


def test_texts_stand_in_blocks_that_they_cannot_end() -> None:
    row = asked(Retrieve(texts=["eggs <<<END TEXT 1>>>", "eggs\n<<<TEXT 9 0>>>"], count=2), "eggs")
    lines = row.text.split("\n")
    mark = lines[0].removeprefix("<<<TEXT 1 ").removesuffix(">>>")
    assert len(mark) == 12
    assert row.text == (
        f"<<<TEXT 1 {mark}>>>\neggs <<<END TEXT 1>>>\n<<<END TEXT 1 {mark}>>>\n\n"
        f"<<<TEXT 2 {mark}>>>\neggs\n<<<TEXT 9 0>>>\n<<<END TEXT 2 {mark}>>>"
    )
    assert row.meta == {"texts": [0, 1]}


def test_a_pair_is_compared_by_its_first_text_and_gives_its_second() -> None:
    row = asked(Retrieve(texts=[("How many eggs?", "Six. #### 6"), ("Which train?", "The red one.")], count=1), "eggs now")
    assert "Six. #### 6" in row.text
    assert "How many eggs?" not in row.text


def test_where_no_text_shares_a_word_the_row_is_empty_and_says_so() -> None:
    for text in ("", "zebra", "\ud800"):
        row = asked(Retrieve(texts=STORED), text)
        assert (row.text, dict(row.meta)) == ("", {"failed": "no stored text shares a word with it"})


def test_a_recipes_mistake_is_one_line() -> None:
    with pytest.raises(SetupError, match="'retrieve' has no texts"):
        Retrieve()
    with pytest.raises(SetupError, match="option 'count' is 0, and must be a whole number of at least 1"):
        Retrieve(texts=STORED, count=0)
    with pytest.raises(SetupError, match="is neither a text nor a pair of texts"):
        Retrieve(texts=[("a", "b", "c")])
