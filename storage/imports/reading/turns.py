"""Conversations of foreign files as messages, and messages as one text. Knows no file formats.

Understood are chat messages (role, content; also lists of parts and tool calls), ShareGPT turns (from, value) and the turns
of tool-using solutions (role text, code or execution).
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from storage.ground.records import Message
from storage.imports.reading.cells import CellError, json_text, text

Kind = Literal["text", "code", "execution", "tool_call", "tool_result"]

_ROLES = {"human": "user", "gpt": "assistant", "model": "assistant", "ai": "assistant", "bot": "assistant"}
_TURNS: dict[str, tuple[str, Kind]] = {
    "text": ("assistant", "text"),
    "code": ("assistant", "code"),
    "execution": ("tool", "execution"),
}
_ASKING = frozenset({"system", "developer", "user"})
_FENCES = {"code": "python", "execution": "output", "tool_call": "tool_call", "tool_result": "output"}


def messages(value: Any) -> tuple[Message, ...] | None:
    """A cell as messages: a list of turns or JSON text of one. Raises CellError for anything else."""
    if value is None:
        return None
    if isinstance(value, dict):
        value = value.get("messages", [value])
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise CellError("messages are not JSON") from error
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise CellError("messages are not a list of turns")
    return tuple(message for turn in value for message in _turn(turn))


def is_turn(value: Any) -> bool:
    """True for a value in the form of one turn."""
    return isinstance(value, dict) and isinstance(value.get("role", value.get("from")), str)


def is_conversation(value: Any) -> bool:
    """True for a cell with turns: a list of them, a single one, or an object with `messages`."""
    if isinstance(value, dict):
        return is_turn(value) or isinstance(value.get("messages"), list)
    return isinstance(value, list) and bool(value) and all(map(is_turn, value))


def asked_and_answered(turns: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The turns up to the last question (user, system), and those after it: the prompt and the answer."""
    asking = [place for place, turn in enumerate(turns) if turn.role in _ASKING]
    end = asking[-1] + 1 if asking else 0  # a solution with tools answers in many turns behind the last question
    return turns[:end], turns[end:]


def rendered(turns: Sequence[Message]) -> str:
    """The turns of an answer as one text: code, its output and tool traffic fenced, in order."""
    return "\n\n".join(_block(turn) for turn in turns if turn.role not in _ASKING)


def _block(turn: Message) -> str:
    fence = _FENCES.get(turn.kind)
    return turn.content if fence is None else f"```{fence}\n{turn.content}\n```"


def _turn(turn: dict[str, Any]) -> Iterator[Message]:
    role = turn.get("role", turn.get("from"))
    content = turn.get("content", turn.get("value"))
    calls = turn.get("tool_calls")
    if isinstance(role, str) and {"content", "value"} & turn.keys() and content is None and not calls:
        content = ""  # as an empty text: a reply may hold nothing
    if not isinstance(role, str) or (content is None and not calls):
        raise CellError("a turn has no role or no content")
    if role in _TURNS:
        author, kind = _TURNS[role]
        yield Message(author, _content(content), kind)
        return
    role = _ROLES.get(role, role)
    if content is not None:
        kind = turn.get("kind") or ("tool_result" if role == "tool" else "text")
        # A list could not even be looked up in a set.
        if not isinstance(kind, str) or kind not in {*_FENCES, "text"}:
            raise CellError(f"a turn has the unknown kind {kind!r}")
        yield Message(role, _content(content), kind, turn.get("name"))
    for call in calls if isinstance(calls, list) else ():
        # OpenAI's form has name and arguments under `function`, others have them in the call.
        function = call.get("function", call) if isinstance(call, dict) else {}
        if not isinstance(function, dict):
            raise CellError(f"a tool call names the function {function!r}, which is not an object")
        yield Message(role, json_text(function.get("arguments")) or "", "tool_call", function.get("name"))


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    return text(content) or ""


def _part(part: Any) -> str:
    if isinstance(part, dict) and not isinstance(part.get("text"), str):
        raise CellError(f"a turn holds a part of type {part.get('type', 'unknown')!r}, which is not text")
    return str(part["text"]) if isinstance(part, dict) else str(part)
