"""Stored prompts and completions as chat turns, the form that trainers read. Knows nothing of versions or files."""

import json
from typing import Any

from storage.segments.schema import prompt_from_json

Turn = dict[str, str]


def prompt_turns(prompt: str, system: str | None = None) -> list[Turn]:
    """A stored prompt (JSON text) as turns; a plain text is one user turn. `system` goes first unless there is one."""
    value = prompt_from_json(prompt)
    turns = (
        [{"role": "user", "content": value}]
        if isinstance(value, str)
        else [{"role": message.role, "content": message.content} for message in value]
    )
    if system is not None and turns[0]["role"] != "system":
        return [{"role": "system", "content": system}, *turns]
    return turns


def answer_turns(rollout: dict[str, Any]) -> list[Turn]:
    """What the model said: its stored turns with code, executions and tool results, else its text as one assistant turn.

    A stored conversation may repeat the prompt; that part is left out, so that prompt + answer is the conversation.
    """
    stored = json.loads(rollout["messages"]) if rollout["messages"] else []
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in stored]
    asked = prompt_turns(rollout["prompt"])
    if turns[: len(asked)] == asked:
        turns = turns[len(asked) :]
    while turns and turns[0]["role"] in ("system", "user"):  # a prompt in other words, as some files have it
        turns = turns[1:]
    return turns or [{"role": "assistant", "content": _with_reasoning(rollout)}]


def _with_reasoning(rollout: dict[str, Any]) -> str:
    """Reasoning that the engine gave apart goes back in front of the answer, in the tags that chat templates use."""
    reasoning, text = rollout["reasoning"], rollout["text"]
    return f"<think>\n{reasoning}\n</think>\n\n{text}" if reasoning else text
