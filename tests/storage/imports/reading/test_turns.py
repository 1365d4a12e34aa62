"""Conversations in the spellings of the field."""

from typing import Any

import pytest

from rollmill.ground.records import Message
from rollmill.storage.imports.problem_rows import answer_in
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.turns import messages, rendered


def test_turns_of_a_tool_using_solution() -> None:
    turns = messages(
        '[{"role": "text", "content": "So"}, {"role": "code", "content": "1+1"}, {"role": "execution", "content": "2"}]'
    )
    assert turns == (
        Message("assistant", "So"),
        Message("assistant", "1+1", "code"),
        Message("tool", "2", "execution"),
    )
    assert rendered(turns) == "So\n\n```python\n1+1\n```\n\n```output\n2\n```"


def test_chat_messages_with_parts_and_tool_calls() -> None:
    turns = messages(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "2+"}, {"type": "text", "text": "2?"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "function": {"name": "sum", "arguments": '{"a": 2}'}}],
            },
            {"role": "tool", "content": "4", "name": "sum"},
            {"role": "assistant", "content": "4"},
        ]
    )
    assert turns == (
        Message("system", "Be brief."),
        Message("user", "2+2?"),
        Message("assistant", '{"a": 2}', "tool_call", "sum", "c1"),
        Message("tool", "4", "tool_result", "sum"),
        Message("assistant", "4"),
    )
    assert rendered(turns) == '```tool_call\n{"a": 2}\n```\n\n```output\n4\n```\n\n4'


def test_sharegpt_turns() -> None:
    assert messages([{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]) == (
        Message("user", "hi"),
        Message("assistant", "ho"),
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[1", "messages are not JSON"),
        ('{"role": "user"}', "messages are not a list of turns"),
        ([1], "messages are not a list of turns"),
        ([{"role": "user"}], "a turn has no role or no content"),
        ([{"role": "user", "content": "x", "kind": "song"}], "a turn has the unknown kind 'song'"),
    ],
)
def test_what_is_no_conversation(value: object, message: str) -> None:
    with pytest.raises(CellError, match=message):
        messages(value)


@pytest.mark.parametrize(
    ("reference", "column", "answer", "rule"),
    [
        ("18", "answer", "18", None),
        ("She makes 9 * 2 = <<9*2=18>>18.\n#### 1,018", "answer", "1,018", "the text after ####"),
        (r"so $\boxed{\frac{1}{2}}$ or rather \boxed{\{2\}}.", "solution", r"\{2\}", "the last \\boxed{}"),
        (r"\boxed{2}", "answer", r"\boxed{2}", None),
        (r"cut \boxed{2", "solution", r"cut \boxed{2", None),
    ],
)
def test_answers_inside_solutions(reference: str, column: str, answer: str, rule: str | None) -> None:
    assert answer_in(reference, column) == (answer, rule)


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        ({"role": "assistant", "tool_calls": [{"function": "add"}]}, "a tool call names the function 'add'"),
        ({"role": "assistant", "tool_calls": [{"function": None}]}, "a tool call names the function None"),
        ({"role": "assistant", "content": "x", "kind": ["a"]}, "unknown kind"),
    ],
)
def test_a_turn_that_is_not_as_it_should_be_is_named(turn: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError, match=message):
        messages([turn])
