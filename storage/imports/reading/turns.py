"""Conversations of foreign files as messages, and messages as one text. Knows no file formats.

Understood are chat messages (role, content; also lists of parts, tool calls and reasoning apart from the content), ShareGPT
turns (from, value) and the turns of tool-using solutions (role text, code or execution).
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from rollmill.ground.records import Message
from rollmill.ground.replies.thoughts import PARTS, tagged, thought_of
from rollmill.storage.imports.reading.cells import CellError, json_text, parsed_cell, text

Kind = Literal["text", "code", "execution", "tool_call", "tool_result"]

_ROLES = {
    **dict.fromkeys(("system", "developer", "user", "assistant", "tool"), ""),
    **dict.fromkeys(("human", "prompter"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "model", "ai", "bot", "claude", "bard", "bing"), "assistant"),
    **dict.fromkeys(("observation", "function", "function_response", "ipython", "environment"), "tool"),
}
_TURNS: dict[str, tuple[str, Kind]] = {
    "text": ("assistant", "text"),
    "code": ("assistant", "code"),
    "execution": ("tool", "execution"),
}
_SPOKEN = ("content", "value", "text")
_ASKING = frozenset({"system", "developer", "user"})
_FENCES = {"code": "python", "execution": "output", "tool_call": "tool_call", "tool_result": "output"}


def messages(value: Any) -> tuple[Message, ...] | None:
    """A cell as messages: a list of turns or JSON text of one. Raises CellError for anything else.

    Reasoning that a turn has apart from its content stands before it, in the tags of chat templates.
    """
    turns = _turns(value)
    return None if turns is None else tuple(message for turn in turns for message in _turn(turn, tagged(thought_of(turn))))


def lone_answer(value: Any) -> tuple[str, str | None] | None:
    """The text and the reasoning of an answer of one turn of text, the last of a conversation; None for another."""
    turns = _turns(value) or []
    last = turns[-1] if turns else {}
    before = turns[-2:-1]
    if _role(last) != "assistant" or any(_role(turn) not in _ASKING for turn in before):
        return None
    bare = list(_turn(last, ""))
    return (bare[0].content, thought_of(last)) if [turn.kind for turn in bare] == ["text"] else None


def replied(message: dict[str, Any]) -> Any:
    """A server's message as a text, or as a turn where it holds more than one."""
    if isinstance(message.get("content"), str) and not (thought_of(message) or message.get("tool_calls")):
        return message["content"]
    return [{"content": "", **message, "role": "assistant"}]


def _turns(value: Any) -> list[dict[str, Any]] | None:
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
    return [part for turn in value for part in _results_apart(turn)]


def is_turn(value: Any) -> bool:
    """True for a value in the form of one turn."""
    return isinstance(value, dict) and isinstance(value.get("role", value.get("from")), str)


def is_parts(value: Any) -> bool:
    """True for the content of one turn as a list of parts, such as `{"type": "text", "text": ...}`."""
    if not isinstance(value, list) or not value or any(map(is_turn, value)):
        return False
    return all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in value)


def is_conversation(value: Any) -> bool:
    """True for a cell with turns: a list of them, a single one, or an object with `messages`."""
    if isinstance(value, dict):
        return is_turn(value) or isinstance(value.get("messages"), list)
    return isinstance(value, list) and bool(value) and all(map(is_turn, value))


_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ \t]?")


def opened_conversation(value: Any) -> Any:
    """A text of turns, JSON or Anthropic's with "Human:" before each question, as turns; everything else unchanged."""
    if isinstance(value, str) and value.startswith("\n\nHuman:"):
        _, *parts = _HH_TURN.split(value)
        turns = [
            {"role": name.lower(), "content": text.rstrip("\n")} for name, text in zip(parts[::2], parts[1::2], strict=True)
        ]
        return turns if turns[-1]["content"] else turns[:-1]
    inside = parsed_cell(value)
    # A prompt may be JSON itself, such as a question about JSON: only turns are opened.
    return inside if is_conversation(inside) else value


def asked_and_answered(turns: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """The turns up to the last question (user, system), and those after it: the prompt and the answer."""
    asking = [place for place, turn in enumerate(turns) if turn.role in _ASKING]
    end = asking[-1] + 1 if asking else 0  # a solution with tools answers in many turns behind the last question
    return turns[:end], turns[end:]


def asking_turns(conversation: Any) -> list[dict[str, Any]]:
    """The turns of a cell up to the last question, in the form that they have there."""
    turns = _turns(conversation) or []
    asking = [place for place, turn in enumerate(turns) if _role(turn) in _ASKING]
    return turns[: asking[-1] + 1] if asking else []


def rendered(turns: Sequence[Message]) -> str:
    """The turns of an answer as one text: code, its output and tool traffic fenced, in order."""
    return "\n\n".join(_block(turn) for turn in turns if turn.role not in _ASKING)


def _block(turn: Message) -> str:
    fence = _FENCES.get(turn.kind)
    return turn.content if fence is None else f"```{fence}\n{turn.content}\n```"


def _role(turn: dict[str, Any]) -> Any:
    role = turn.get("role", turn.get("from"))
    return _ROLES.get(role.lower()) or role.lower() if isinstance(role, str) else role


def _turn(turn: dict[str, Any], thought: str) -> Iterator[Message]:
    role = turn.get("role", turn.get("from"))
    content = next((turn[name] for name in _SPOKEN if name in turn), None)
    calls = _calls(turn, content)
    if role == "function_call":  # ShareGPT's turn of a call, whose text is the call
        yield Message("assistant", text(content) or "", "tool_call", turn.get("name"), _id(turn, "call_id", "id"))
        return
    if isinstance(role, str) and set(_SPOKEN) & turn.keys() and content is None and not calls:
        content = ""  # as an empty text: a reply may hold nothing
    if not isinstance(role, str) or (content is None and not calls):
        raise CellError("a turn has no role or no content")
    if role in _TURNS:
        author, kind = _TURNS[role]
        yield Message(author, _content(content), kind)
        return
    role = _known_role(turn)
    if content is None and thought:
        content = ""
    if content is not None and not (calls and not thought and not _content(content)):
        kind = turn.get("kind") or ("tool_result" if role == "tool" else "text")
        # A list could not even be looked up in a set.
        if not isinstance(kind, str) or kind not in {*_FENCES, "text"}:
            raise CellError(f"a turn has the unknown kind {kind!r}")
        answered = _id(turn, "tool_call_id", "call_id") if kind == "tool_result" else None
        yield Message(role, thought + _content(content), kind, turn.get("name"), answered)
    yield from (_call(role, call) for call in calls)


def _known_role(turn: dict[str, Any]) -> str:
    role = _role(turn)
    if role not in _ROLES:
        known = ", ".join((*_ROLES, *_TURNS, "function_call"))
        raise CellError(f"a turn has the unknown role {role!r} (known: {known})")
    return str(role)


def _call(role: str, call: Any) -> Message:
    # OpenAI's form has name and arguments under `function`, others have them in the call.
    function = call.get("function", call) if isinstance(call, dict) else {}
    if not isinstance(function, dict):
        raise CellError(f"a tool call names the function {function!r}, which is not an object")
    arguments = function.get("arguments", function.get("input"))
    return Message(role, json_text(arguments) or "", "tool_call", function.get("name"), _id(call, "call_id", "id"))


def _id(turn: dict[str, Any], *names: str) -> str | None:
    """The id of a call, in a call or in a turn with its result."""
    return next((given for name in names if isinstance(given := turn.get(name), str) and given), None)


def _results_apart(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """A turn with results of tools among its parts (Anthropic's form) as one turn a result, and the rest of it."""
    parts = next((turn[name] for name in _SPOKEN if name in turn), None)
    results = [part for part in parts if _is_result(part)] if isinstance(parts, list) else []
    if not results or _role(turn) == "tool":
        return [turn]
    rest = [part for part in parts or () if not _is_result(part)]
    tools = [
        {"role": "tool", "content": part.get("content") or "", "tool_call_id": part.get("tool_use_id")} for part in results
    ]
    return [*tools, {**turn, "content": rest}] if rest else tools


def _is_result(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "tool_result"


def _calls(turn: dict[str, Any], content: Any) -> list[Any]:
    """The tool calls of a turn: under a name of their own, or as parts of the content."""
    # The older form has one call, under a name of its own.
    calls = turn.get("tool_calls") or [call for call in [turn.get("function_call")] if isinstance(call, dict)]
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    inside = [part for part in parts if part.get("type") == "tool_use"]
    return [*(calls if isinstance(calls, list) else ()), *inside]


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "".join(_part(part) for part in content)
    return text(content) or ""


_UNSAID = (*PARTS, "redacted_thinking", "tool_use")  # no part of the text


def _part(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    if part.get("type") in _UNSAID:
        return ""
    inside = part.get("text", part.get("refusal") if part.get("type") == "refusal" else None)
    if part.get("type") == "tool_result":
        return _content(part.get("content"))
    if not isinstance(inside, str):
        raise CellError(f"a turn holds a part of type {part.get('type', 'unknown')!r}, which is not text")
    return inside
