"""Methods with options in one text of a command line."""

from typing import Any

import pytest

from rollmill.flows.evaluation.replay import name_and_options
from rollmill.storage.ground.errors import SetupError


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("mastering", {}),
        ("mastering last=5 power=2", {"last": 5, "power": 2}),
        ("mastering before={b: [a], c: [a, b]} last=5", {"before": {"b": ["a"], "c": ["a", "b"]}, "last": 5}),
        ("  mastering  last=5 ", {"last": 5}),
        ("mastering rule='two words' last=5", {"rule": "two words", "last": 5}),
    ],
)
def test_values_are_yaml_with_spaces(text: str, options: dict[str, Any]) -> None:
    assert name_and_options(text) == ("mastering", options)


@pytest.mark.parametrize("wrong", ["before={b: [a]", "last", "last=5 power", "=5", "before={b: [a} last=5"])
def test_what_is_no_option_is_refused(wrong: str) -> None:
    with pytest.raises(SetupError, match="is not of the form KEY=VALUE"):
        name_and_options(f"mastering {wrong}")


def test_an_empty_text_names_no_method() -> None:
    assert name_and_options(" ") == ("", {})
