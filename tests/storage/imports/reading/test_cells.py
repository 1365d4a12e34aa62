"""Cells to values, literally."""

import json
import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rollmill.storage.imports.reading import cells
from rollmill.storage.imports.reading.cells import CellError, Sanitiser


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), ("", ""), (18, "18"), (1.5, "1.5"), (True, "true"), (Decimal("2.50"), "2.50")],
)
def test_text(value: Any, text: str | None) -> None:
    assert cells.text(value) == text


def test_a_list_or_an_object_is_no_text() -> None:
    for value, kind in ((["a", 1], "a list"), ({"a": 1}, "an object"), ((), "a list")):
        with pytest.raises(CellError, match=rf"is {kind}, not a text: say --map FIELD=COLUMN\[0\] or COLUMN.KEY"):
            cells.text(value)
        assert cells.json_text(value) == json.dumps(value)


@pytest.mark.parametrize(("value", "number"), [(None, None), (3, 3), ("3", 3), (3.0, 3), (" 7 ", 7)])
def test_whole(value: Any, number: int | None) -> None:
    assert cells.whole(value) == number


@pytest.mark.parametrize("value", [3.5, "3.0", "x", True, 2**63, math.inf, [1]])
def test_what_is_not_whole(value: Any) -> None:
    with pytest.raises(CellError, match="is not a whole number"):
        cells.whole(value)


@pytest.mark.parametrize(
    ("value", "level"), [(None, None), (4, 4), ("4", 4), ("Level 3", 3), ("Level ?", None), ("hard", None), (2.0, 2)]
)
def test_level(value: Any, level: int | None) -> None:
    assert cells.level(value) == level


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), ("False", False), (1, True), ("0", False), (None, None), (1.0, True)]
)
def test_yes_or_no(value: Any, truth: bool | None) -> None:
    assert cells.yes_or_no(value) == truth


def test_what_is_neither_yes_nor_no() -> None:
    with pytest.raises(CellError, match="'maybe' is neither true nor false"):
        cells.yes_or_no("maybe")


@pytest.mark.parametrize(
    ("value", "tests"),
    [
        (None, ()),
        ("assert f(1)", ("assert f(1)",)),
        (["a", "b"], ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("[not json", ("[not json",)),
    ],
)
def test_texts(value: Any, tests: tuple[str, ...]) -> None:
    assert cells.texts(value) == tests


def test_brackets_that_are_nested_too_deeply_are_one_test() -> None:
    assert cells.texts("[" * 100_000) == ("[" * 100_000,)


def test_nan_is_no_text() -> None:
    assert cells.text(math.nan) is None
    assert cells.text(1.5) == "1.5"


def test_number_refuses_what_json_cannot_hold() -> None:
    assert cells.number("-1.5") == -1.5
    with pytest.raises(CellError, match="nan is not a number"):
        cells.number(math.nan)


def test_plain_is_strict_json() -> None:
    value = {"a": [math.nan, 1.5], 3: date(2026, 1, 2), "b": b"\xffx"}
    assert cells.plain(value) == {"a": [None, 1.5], "3": "2026-01-02", "b": "\ufffdx"}


def test_lone_surrogates_are_replaced_and_counted() -> None:
    sanitiser = Sanitiser()
    assert sanitiser.row({"a": "x\ud800y\udfff", "b": ["é", {"c\udc00": 1}]}) == {
        "a": "x\ufffdy\ufffd",
        "b": ["é", {"c\ufffd": 1}],
    }
    assert sanitiser.row({"a": "é"}) == {"a": "é"}
    assert (sanitiser.characters, sanitiser.rows) == (3, 1)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("3", 3),
        ("Level 3", 3),
        ("Level -3", 3),
        ("-3", None),
        (" - 3", None),
        ("Level " + "1" * 20, None),
        ("9" * 5_000, None),
    ],
)
def test_a_level_in_words_is_a_number_that_can_be_stored(value: str, level: int | None) -> None:
    assert cells.level(value) == level
