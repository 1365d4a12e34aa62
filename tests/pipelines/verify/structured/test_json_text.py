"""The JSON value of a text: where it is, what is refused, and that hostile text costs little."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.formats.json_text import DEEPEST, BadJsonError, fenced_blocks, find_json, parse_json


@pytest.mark.parametrize(
    ("text", "value", "place"),
    [
        ('{"a": 1}', {"a": 1}, "whole"),
        (" [1, 2]\n", [1, 2], "whole"),
        ("3", 3, "whole"),
        ('"word"', "word", "whole"),
        ("null", None, "whole"),
        ('Here: {"a": 1}.', {"a": 1}, "embedded"),
        ('{"a": 1} then {"a": 2}', {"a": 2}, "embedded"),
        ('{"a": {"b": 1}} done', {"a": {"b": 1}}, "embedded"),
        ('I use {braces} and \\frac{1}{2}, so {"a": "}"}', {"a": "}"}, "embedded"),
        ('["quoted" text] and {"a": 1}', {"a": 1}, "embedded"),
        ('```json\n{"a": 1}\n```\nor {"a": 2}', {"a": 1}, "fence"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', {"a": 2}, "fence"),
        ('```\n{"a": 1}\n```\n```python\nprint(1)\n```', {"a": 1}, "fence"),
        ('~~~JSON\n{"a": 1}\n~~~', {"a": 1}, "fence"),
        ('{"a": 1}\n```python\nx = y\n```', {"a": 1}, "embedded"),
    ],
)
def test_the_last_value_is_found(text: str, value: object, place: str) -> None:
    found = find_json(text)
    assert found is not None
    assert (found.value, found.place, found.error) == (value, place, None)


@pytest.mark.parametrize("text", ["", "  ", "no json", "{braces} only", "a [see below] b", "x = {y}"])
def test_a_text_without_json_has_none(text: str) -> None:
    assert find_json(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": [-Infinity]}', "-Infinity is not JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' is given twice"),
        ('so {"x": NaN, "y": {"a": 1}}', "NaN is not JSON"),
        ('so {"x": 1, "x": {"a": 1}} there', "the key 'x' is given twice"),
        ('{"a": 1e999}', "beyond the range"),
        ('{"a": ' + "9" * 401 + "}", "401 digits"),
        ('{"a": 1', "Expecting"),
        ('so {"a": {"b": 1}, ', "Expecting"),
        ('so {"a": "never closed', "Unterminated"),
        ("```json\n{'a': 1}\n```", "Expecting property name"),
        ("```json\n\n```", "Expecting value"),
        ("[" * 100_000, "deeper than 64 levels"),
        ("[" * 65 + "]" * 65, "deeper than 64 levels"),
    ],
)
def test_what_is_no_json_says_why(text: str, why: str) -> None:
    found = find_json(text)
    assert found is not None
    assert why in (found.error or "")


def test_the_last_of_two_equal_keys_is_taken_only_on_request() -> None:
    assert parse_json('{"a": 1, "a": 2}', duplicates="last") == {"a": 2}
    with pytest.raises(BadJsonError):
        parse_json('{"a": 1, "a": 2}')


def test_depth_is_counted_by_levels() -> None:
    assert parse_json("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))


def test_an_unclosed_fence_is_no_block() -> None:
    assert fenced_blocks("```json\n{}") == []
    assert fenced_blocks("````json\n```\n{}\n```\n````") == [("json", "```\n{}\n```")]


@settings(max_examples=300)
@given(st.text(alphabet='{}[]":,1aN \n`json\\', max_size=200))
def test_any_text_gives_a_value_an_error_or_nothing(text: str) -> None:
    found = find_json(text)
    assert found is None or found.error is None or isinstance(found.error, str)


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=8,
    ).filter(lambda value: isinstance(value, (dict, list)))
)
def test_a_value_in_prose_is_found_whole(value: object) -> None:
    import json

    found = find_json(f"My answer is {json.dumps(value)} as asked.")
    assert found is not None
    assert found.value == value
