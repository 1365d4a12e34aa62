"""Calls of tools through a whole job: names, ids, arguments and the tools offered stand in the training file again."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

PARAMETERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}
OPENAI = [{"type": "function", "function": {"name": "add", "parameters": PARAMETERS}}]
ANTHROPIC = [{"name": "add", "input_schema": PARAMETERS}]


def openai(number: int) -> list[dict[str, Any]]:
    function = {"name": "add", "arguments": json.dumps({"a": number, "b": 3})}
    return [
        {"role": "system", "content": "Use the tool."},
        {"role": "user", "content": f"What is {number} + 3?"},
        {
            "role": "assistant",
            "content": "I add.",
            "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}],
        },
        {"role": "tool", "content": str(number + 3), "tool_call_id": f"call_{number}"},
        {"role": "assistant", "content": f"The answer is {number + 3}."},
    ]


def anthropic(number: int) -> list[dict[str, Any]]:
    """The same in the form of Anthropic's interface, where the user's turn brings the result."""
    call = {"type": "tool_use", "id": f"call_{number}", "name": "add", "input": {"a": number, "b": 3}}
    result = {
        "type": "tool_result",
        "tool_use_id": f"call_{number}",
        "content": [{"type": "text", "text": str(number + 3)}],
    }
    return [
        {"role": "system", "content": "Use the tool."},
        {"role": "user", "content": f"What is {number} + 3?"},
        {"role": "assistant", "content": [{"type": "text", "text": "I add."}, call]},
        {"role": "user", "content": [result]},
        {"role": "assistant", "content": [{"type": "text", "text": f"The answer is {number + 3}."}]},
    ]


@pytest.mark.parametrize(("form", "tools"), [(openai, OPENAI), (anthropic, ANTHROPIC)])
def test_what_goes_in_comes_out(ten_sums: Path, rollmill: Run, form: Any, tools: Any) -> None:
    rows = [{"answer": str(n + 3), "tools": tools, "messages": form(n)} for n in range(3)]
    write_lines(ten_sums / "runs.jsonl", rows)
    assert rollmill("import", "rollouts", "runs.jsonl", "--name", "runs").status == 0
    recipe = rollmill("recipe", "new", "runs", "--problems", "runs").out.split()[0]
    assert rollmill("curate", recipe, "--direct").status == 0
    for suffix in ("jsonl", "parquet"):
        done = rollmill("dataset", "export", "runs", "--format", "sft", "--out", f"sft.{suffix}")
        assert done.status == 0, done.err
    made = [json.loads(line) for line in (ten_sums / "sft.jsonl").read_text().splitlines()]
    expected = sorted(canonical(openai(n)) for n in range(3))
    assert sorted(canonical(row["messages"]) for row in made) == expected
    assert [json.loads(row["tools"]) for row in made] == [tools] * 3
    table = pq.read_table(ten_sums / "sft.parquet").to_pylist()
    assert [canonical(map(filled, row["messages"])) for row in table] == [canonical(row["messages"]) for row in made]
    assert [row["tools"] for row in table] == [row["tools"] for row in made]
    # The file that was written is a file to import.
    write_lines(ten_sums / "again.jsonl", [{"answer": "0", **row, "id": None, "problem_id": None} for row in made])
    done = rollmill("import", "rollouts", "again.jsonl", "--name", "again", "--dry-run", "--json")
    assert done.status == 0, done.err


def canonical(turns: Any) -> str:
    """Turns as text, with the arguments of calls as values: their text may be spaced in another way."""
    rows = json.loads(json.dumps(list(turns)))
    for turn in rows:
        for call in turn.get("tool_calls", []):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return json.dumps(rows, sort_keys=True)


def filled(turn: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in turn.items() if value is not None}
