"""Reasoning of messages as servers and files hold it."""

from typing import Any

import pytest

from rollmill.ground.replies.thoughts import tagged, thought_of

NESTED: Any = "deep"
for _ in range(5_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("message", "thought"),
    [
        ({"reasoning_content": "a"}, "a"),
        ({"reasoning": " ", "thinking": "b"}, "b"),
        ({"reasoning": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab"),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "x"}]},
            "a",
        ),
        ({"content": [{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"}]}, "a\n\nb"),
        ({"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}]}]}, "a"),
        ({"content": [{"type": ["thinking"], "thinking": "a"}, "x"]}, None),
        ({"content": "x", "reasoning": NESTED}, None),
        ({}, None),
    ],
)
def test_the_reasoning_of_a_message(message: dict[str, Any], thought: str | None) -> None:
    assert thought_of(message) == thought


def test_an_answer_stands_behind_its_reasoning() -> None:
    assert (tagged("a", "x"), tagged(None, "x"), tagged("a")) == (
        "<think>\na\n</think>\n\nx",
        "x",
        "<think>\na\n</think>\n\n",
    )
