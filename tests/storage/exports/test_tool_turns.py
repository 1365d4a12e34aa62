"""Turns of answers that call tools."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.chat_rows import answer_turns
from rollmill.storage.exports.completions import PromptCompletion
from tests.storage.exports.test_exports import rollout


def test_calls_of_tools_are_in_the_turn_that_makes_them_and_results_name_them() -> None:
    stored = [
        {"role": "assistant", "content": "I add.", "kind": "text"},
        {"role": "assistant", "content": '{"a": 2}', "kind": "tool_call", "name": "add", "call_id": "c1"},
        {"role": "assistant", "content": '{"a": 3}', "kind": "tool_call", "name": "add"},
        {"role": "tool", "content": "4", "kind": "tool_result", "name": "add", "call_id": "c1"},
        {"role": "assistant", "content": "{}", "kind": "tool_call", "name": "mul", "call_id": "c2"},
    ]
    assert answer_turns(rollout("2 + 2?", stored)) == [
        {
            "role": "assistant",
            "content": "I add.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}},
                {"type": "function", "function": {"name": "add", "arguments": '{"a": 3}'}},
            ],
        },
        {"role": "tool", "content": "4", "name": "add", "tool_call_id": "c1"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "c2", "type": "function", "function": {"name": "mul", "arguments": "{}"}}],
        },
    ]
    with pytest.raises(SetupError, match="cannot be written as text"):
        PromptCompletion(form="text").answer(rollout("?", stored[1:2]) | {"problem_id": "p"})
