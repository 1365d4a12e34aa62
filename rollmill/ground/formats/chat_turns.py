"""Messages as the turns of a chat, in the form of OpenAI's interface and of chat templates.

A call of a tool belongs to the turn of the model that makes it, and its result names the call.
"""

from collections.abc import Iterable
from typing import Any

from rollmill.ground.records import Message

ChatTurn = dict[str, Any]


def chat_turns(messages: Iterable[Message]) -> list[ChatTurn]:
    """Turns with `role` and `content`, and where they apply `name`, `tool_calls` and `tool_call_id`."""
    turns: list[ChatTurn] = []
    calling = False  # the last turn is one of the model that may call (further) tools
    for message in messages:
        if message.kind == "tool_call":
            if not calling:
                turns.append({"role": message.role, "content": ""})
            turns[-1].setdefault("tool_calls", []).append(_call(message))
            calling = True
            continue
        turn: ChatTurn = {"role": "tool" if message.kind == "tool_result" else message.role, "content": message.content}
        if message.name is not None:
            turn["name"] = message.name
        if message.call_id is not None:
            turn["tool_call_id"] = message.call_id
        turns.append(turn)
        calling = message.role == "assistant" and message.kind == "text"
    return turns


def _call(message: Message) -> dict[str, Any]:
    """A call with its arguments as the text that the model wrote."""
    named = {} if message.call_id is None else {"id": message.call_id}
    return {**named, "type": "function", "function": {"name": message.name, "arguments": message.content}}
