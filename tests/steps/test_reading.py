"""Fields read out of texts: the last match, JSON paths, and what cannot be read."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.steps.reading import ReadCounts, check_reader, fields_of, unmet_words


def test_the_last_match_counts_and_its_first_group() -> None:
    text = "VERDICT ok would be wrong to say.\nVERDICT  wrong "
    assert fields_of(text, {"verdict": r"VERDICT\s+(\w+)", "whole": "VERDICT ok"}) == {
        "verdict": "wrong",
        "whole": "VERDICT ok",
    }


def test_a_json_path_reads_the_last_value_of_the_text() -> None:
    text = 'I think:\n```json\n{"steps": [{"ok": true}, {"ok": false, "why": "sign"}], "score": 3}\n```'
    read = {"first": "$.steps[0].ok", "why": "$.steps[1].why", "score": "$.score", "none": "$.steps[7].ok"}
    assert fields_of(text, read) == {"first": "true", "why": "sign", "score": "3"}


def test_what_cannot_be_read_is_no_field() -> None:
    assert fields_of("no verdict here", {"verdict": r"VERDICT (\w+)", "path": "$.a"}) == {}
    assert fields_of("{broken", {"path": "$.a"}) == {}


def test_a_search_that_would_not_end_finds_nothing() -> None:
    assert fields_of("a" * 40 + "b", {"slow": r"^(a|aa|a?)+$"}) == {}


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ({"Verdict": "x"}, "letters, digits"),
        ({"outcome": "x"}, "neither outcome"),
        ({"a": "("}, "reads 'a' by"),
        ({"a": "$a"}, "is not a JSON path"),
    ],
)
def test_readers_that_cannot_be_are_mistakes(read: dict[str, str], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        check_reader("step 's'", read)


def test_a_condition_that_no_text_meets_is_told_with_what_the_texts_say() -> None:
    counts = ReadCounts({"verdict": r"VERDICT (\w+)", "why": r"WHY (.*)"}, {"verdict", "outcome"})
    for text in ("VERDICT wrong", "VERDICT wrong\nWHY 3", "VERDICT right", "none"):
        counts.add(text)
    values = counts.unmet("verdict", ("WRONG", "Wrong"))
    assert values == {"wrong": 2, "right": 1}
    assert unmet_words("critic", "verdict", ("WRONG", "Wrong"), values, counts.texts) == (
        "it follows where critic.verdict is 'WRONG' or 'Wrong', which none of 4 texts says ('wrong' 2, 'right' 1)"
    )
    assert counts.unmet("verdict", ("wrong",)) is None  # one is met
    assert counts.unmet("outcome", ("correct",)) is None  # verdicts are counted elsewhere
    assert counts.unmet("why", ("x",)) is None  # no condition names it


def test_a_field_that_next_to_none_has_is_told_once_and_after_enough_texts() -> None:
    counts = ReadCounts({"score": r"SCORE (\d)", "word": r"\w+"})
    told = []
    for number in range(200):
        counts.add("SCORE 4" if number in (7, 31) else "no")
        told.append(counts.seldom())
    assert [(place, fields) for place, fields in enumerate(told) if fields] == [(40, {"score": 2})]  # 2 of 41: below a 20th
    assert (counts.texts, counts.counts) == (200, {"score": 2, "word": 200})
