"""Reasoning that a message has apart from its answer, as servers and files of them hold it, and its form within a text."""

from collections.abc import Mapping
from typing import Any

NAMES = (
    "reasoning_content", "reasoning", "thinking", "thoughts", "thought", "reasoning_text", "thinking_content",
    "reasoning_details", "thinking_blocks",
)  # fmt: skip
PARTS = ("thinking", "reasoning", "reasoning_text", "reasoning.text", "reasoning.summary", "thought")
"""Types of the parts of a content that are no answer."""
_INSIDE = ("thinking", "reasoning", "text", "content", "summary")
_DEPTH = 3  # of parts in parts: a hostile reply may nest them without end


def thought_of(message: Mapping[str, Any]) -> str | None:
    """The reasoning of a message: under a name of its own, or among the parts of its content (Magistral, Claude)."""
    for name in NAMES:
        if (thought := _written(message.get(name))).strip():
            return thought
    content = message.get("content", message.get("value"))
    parts = content if isinstance(content, list) else ()
    thoughts = [_written(part) for part in parts if isinstance(part, dict) and part.get("type") in PARTS]
    return "\n\n".join(filter(None, thoughts)) or None


def tagged(reasoning: str | None, answer: str = "") -> str:
    """An answer behind its reasoning in the tags of chat templates; the answer alone without any."""
    return f"<think>\n{reasoning}\n</think>\n\n{answer}" if reasoning else answer


def _written(value: Any, depth: int = _DEPTH) -> str:
    if isinstance(value, str):
        return value
    if not depth:
        return ""
    if isinstance(value, list):
        return "".join(_written(part, depth - 1) for part in value)
    inside = (_written(value.get(name), depth - 1) for name in _INSIDE) if isinstance(value, dict) else ()
    return next((text for text in inside if text.strip()), "")
