"""Rows of servers, trainers and annotation tools in the shapes that the tools document: prompt and answer come out."""

import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.forms import rewritten
from rollmill.storage.imports.logs.replies import response_rows
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.imports.reading.turns import messages

Rows = list[dict[str, Any]]
ASKED = [{"role": "user", "content": "2+2?"}]
USER = {"role": "user", "parts": [{"text": "2+2?"}]}
MODEL = {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "It is "}, {"text": "4."}]}
MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "4"}]}
ORZ = [{"from": "human", "value": "2+2?"}, {"from": "assistant", "ground_truth": {"value": "4"}}]
HH = "\n\nHuman: 2+2?\n\nAssistant: "
CASES: tuple[tuple[str, dict[str, Any], Rows], ...] = (
    (
        "NeMo Gym rollouts",
        {"responses_create_params": {"input": ASKED}, "response": {"output": [MESSAGE]}, "reward": 1.0},
        [{"prompt": ASKED, "reward": 1.0, "finish_reason": "stop"}],
    ),
    ("NeMo RL logs", {"content": ["2+2?", "4"], "rewards": 1.0}, [{"prompt": "2+2?", "text": "4", "rewards": 1.0}]),
    (
        "Gemini conversations",
        {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": [USER]},
        [{"messages": [{"role": "system", "content": "Be brief."}, *ASKED]}],
    ),
    (
        "Gemini batch output",
        {
            "key": "r1",
            "request": {"contents": [USER]},
            "response": {"candidates": [{"content": MODEL}], "modelVersion": "g"},
        },
        [
            {
                "problem_id": "r1",
                "prompt": ASKED,
                "model": "g",
                "text": [{"role": "assistant", "content": "It is 4.", "reasoning": "Hm."}],
            }
        ],
    ),
    (
        "TGI replies",
        {"inputs": "2+2?", "generated_text": "4", "details": {"finish_reason": "eos_token", "generated_tokens": 2}},
        [{"prompt": "2+2?", "text": "4", "finish_reason": "eos_token", "tokens_out": 2}],
    ),
    (
        "Curator responses",
        {
            "generic_request": {"model": "m", "messages": ASKED, "original_row": {"answer": "4"}},
            "response_message": "four",
        },
        [{"prompt": ASKED, "text": "four", "answer": "4", "model": "m"}],
    ),
    (
        "Argilla records",
        {"id": "1", "fields": {"instruction": "2+2?", "response": "4"}, "responses": {"q": [1]}, "metadata": {"a": 1}},
        [{"id": "1", "instruction": "2+2?", "response": "4", "a": 1, "argilla.responses": {"q": [1]}}],
    ),
    (
        "Axolotl segments",
        {"segments": [{"label": False, "text": "2+"}, {"label": False, "text": "2?"}, {"label": True, "text": "4"}]},
        [{"messages": [*ASKED, {"role": "assistant", "content": "4"}]}],
    ),
    (
        "preference pairs",
        {"chosen": f"{HH}4", "rejected": f"{HH}5"},
        [
            {"messages": [{"role": "human", "content": "2+2?"}, {"role": "assistant", "content": text}], "preference": name}
            for name, text in (("chosen", "4"), ("rejected", "5"))
        ],
    ),
    (
        "numbered responses",
        {"response_0": "5", "response_1": "4", "is_response_0_safe": 1, "is_response_1_safe": 0, "better_response_id": 1},
        [
            {"text": "5", "is_response_safe": 1, "preference": "rejected"},
            {"text": "4", "is_response_safe": 0, "preference": "chosen"},
        ],
    ),
    ("ORZ conversations", {"conversations": ORZ}, [{"prompt": ORZ[:1], "reference": "4"}]),
    (
        "lighteval details",
        {"query": "2+2?", "choices": ["3", " 4"], "gold_index": [1], "predictions": ["four"]},
        [{"prompt": "2+2?", "reference": "4", "text": ["four"]}],
    ),
)


@pytest.mark.parametrize(("name", "values", "wanted"), CASES)
def test_a_row_in_the_shape_of_its_tool(name: str, values: dict[str, Any], wanted: Rows) -> None:
    form, rows = rewritten(values)
    assert form == name
    assert [{key: row[key] for key in want} for row, want in zip(rows, wanted, strict=True)] == wanted


def test_a_request_that_failed_gives_no_row() -> None:
    assert rewritten({"key": "r2", "request": {"contents": [USER]}, "status": {"code": 3}})[1] == []
    assert rewritten({"generic_request": {"messages": ASKED}, "response_message": None})[1] == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"content": ["a", "b", "c"], "rewards": 1}, "names no speakers"),
        ({"contents": [{"role": "user", "parts": [{"inlineData": {}}]}]}, "a part with 'inlineData', which is not text"),
        (
            {"query": "q", "choices": ["a", "b"], "gold_index": [0, 1], "predictions": ["a"]},
            "names no single one of 2 choices",
        ),
    ],
)
def test_what_is_not_read_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError, match=message):
        rewritten(values)


def test_a_file_of_lists_of_turns_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orz.json"
    path.write_text(json.dumps([ORZ]))
    assert [rewritten(row.values)[1] for row in read_rows(path)] == [[{"prompt": ORZ[:1], "reference": "4"}]]


def test_xz_is_read_and_other_encodings_name_the_command_that_converts(tmp_path: Path) -> None:
    line = '{"prompt": "été ?", "text": "4"}\n'
    for name, content in (
        ("a.jsonl.xz", lzma.compress(line.encode())),
        ("b.jsonl.xz", lzma.compress(line.encode() * 100)[:60]),
        ("CP1252.jsonl", line.encode("cp1252")),
        ("CP1252.json", f"[{line}]".encode("cp1252")),
        ("UTF-16.jsonl", line.encode("utf-16")),
        ("UTF-16LE.jsonl", line.encode("utf-16-le")),
    ):
        (tmp_path / name).write_bytes(content)
    [row] = read_rows(tmp_path / "a.jsonl.xz")
    assert row.values == {"prompt": "été ?", "text": "4"}
    with pytest.raises(SetupError, match="not a whole xz file"):
        list(read_rows(tmp_path / "b.jsonl.xz"))
    for path in sorted(tmp_path.glob("[CU]*")):
        with pytest.raises(SetupError) as error:
            list(read_rows(path))
        assert f"iconv -f {path.stem} -t UTF-8" in (error.value.next_command or "")


def test_a_result_of_the_responses_interface_names_its_call() -> None:
    """An item has an id of its own besides the id of its call; results name the latter."""
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "add", "arguments": '{"a": 2}'}
    result = {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "4"}
    [row] = response_rows({"output": [call, result, MESSAGE]})
    assert [(turn.kind, turn.name, turn.call_id) for turn in messages(row["text"]) or ()] == [
        ("tool_call", "add", "call_1"),
        ("tool_result", None, "call_1"),
        ("text", None, None),
    ]
