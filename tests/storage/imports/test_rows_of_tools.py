"""Rows as data sets and tools write them: a prompt, its answers and their fields are read where a person sees them."""

import bz2
import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportReport, ImportSpec
from rollmill.storage.workspace import Workspace
from tests.storage.imports.conftest import WriteLines

ASKED = {"role": "user", "content": "1+1?"}
GIVEN = {"role": "assistant", "content": "It is 2"}
WRONG = {"role": "assistant", "content": "It is 9"}
SYSTEM = {"role": "system", "content": "Be exact."}


def prompts(ws: Workspace) -> list[Any]:
    """The prompts of all problems: a text, or (role, content) of each turn."""
    asked = [json.loads(row["prompt"]) for row in ws.segments.read("problems").to_pylist()]
    return [text if isinstance(text, str) else [(turn["role"], turn["content"]) for turn in text] for text in asked]


def answers(ws: Workspace) -> list[dict[str, Any]]:
    rows = ws.segments.read("completions").to_pylist()
    return sorted(({**row, "meta": json.loads(row["meta"])} for row in rows), key=lambda row: row["text"])


def import_one(ws: Workspace, jsonl: WriteLines, row: dict[str, Any]) -> ImportReport:
    return import_rollouts(ws, ImportSpec(jsonl({"expected_answer": "2", **row}), "r"))


def uses(report: ImportReport) -> dict[str, str]:
    return {use.column: use.use for use in report.uses}


def test_a_conversation_as_json_text_asks_without_its_answer(ws: Workspace, jsonl: WriteLines) -> None:
    import_one(ws, jsonl, {"messages": json.dumps([ASKED, GIVEN])})
    assert prompts(ws) == [[("user", "1+1?")]]
    assert [row["text"] for row in answers(ws)] == ["It is 2"]


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        ({"system": "Be exact.", "conversations": [ASKED, GIVEN]}, [("system", "Be exact."), ("user", "1+1?")]),
        ({"system": "Be exact.", "messages": json.dumps([ASKED, GIVEN])}, [("system", "Be exact."), ("user", "1+1?")]),
        ({"system": "Be exact.", "messages": [SYSTEM, ASKED, GIVEN]}, [("system", "Be exact."), ("user", "1+1?")]),
        ({"system": "", "messages": [ASKED, GIVEN]}, [("user", "1+1?")]),
        (
            {"instruction": "1+1?", "input": "", "output": "It is 2", "system": "Be exact.", "history": [["Hi", "Yes?"]]},
            [("system", "Be exact."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "1+1?")],
        ),
        ({"instruction": "Add.", "input": "1+1", "output": "It is 2", "history": []}, "Add.\n\n1+1"),
    ],
)
def test_what_stands_before_the_question_belongs_to_it(
    ws: Workspace, jsonl: WriteLines, row: dict[str, Any], asked: Any
) -> None:
    import_one(ws, jsonl, row)
    assert prompts(ws) == [asked]
    assert [row["text"] for row in answers(ws)] == ["It is 2"]


def test_a_conversation_with_a_system_prompt_finds_its_problem(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl({"question": "1+1?", "answer": "2"}, name="p.jsonl"), "p"))
    import_rollouts(ws, ImportSpec(jsonl({"messages": [SYSTEM, ASKED, GIVEN]}), "r", problems="p"))
    assert [row["text"] for row in answers(ws)] == ["It is 2"]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "1+1?", "chosen": "It is 2", "rejected": "It is 9"},
        {"prompt": [ASKED], "chosen": [GIVEN], "rejected": [WRONG]},
        {"chosen": [ASKED, GIVEN], "rejected": [ASKED, WRONG]},
        {"prompt": "1+1?", "chosen": [ASKED, GIVEN], "rejected": [ASKED, WRONG], "messages": [ASKED, GIVEN]},
        {"instruction": "1+1?", "input": "", "chosen": "It is 2", "rejected": "It is 9"},
        {"conversations": [{"from": "human", "value": "1+1?"}], "chosen": GIVEN, "rejected": WRONG},
        {"input": {"messages": [ASKED]}, "preferred_output": [GIVEN], "non_preferred_output": [WRONG]},
    ],
    ids=["texts", "turns", "whole conversations", "UltraFeedback", "Alpaca", "ShareGPT", "OpenAI"],
)
def test_a_preference_is_two_answers_to_one_problem(ws: Workspace, jsonl: WriteLines, row: dict[str, Any]) -> None:
    import_one(ws, jsonl, row)
    assert prompts(ws) in (["1+1?"], [[("user", "1+1?")]])
    labels = [(row["text"], row["meta"]["preference"], row["messages"]) for row in answers(ws)]
    assert labels == [("It is 2", "chosen", None), ("It is 9", "rejected", None)]


def test_fields_of_an_answer_that_is_an_object_are_those_of_the_answer(ws: Workspace, jsonl: WriteLines) -> None:
    good = {"completion": "It is 2", "reasoning_content": "hm", "is_correct": True, "model": "m", "finish_reason": "eos"}
    cut = {"completion": "It is 9", "is_correct": False, "model": "n", "finish_reason": "MAX_TOKENS", "id": "b"}
    import_one(ws, jsonl, {"question": "1+1?", "samples": [good, cut], "scores": [1, 0]})
    fields = [(row["model"], row["reasoning"], row["finish_reason"], row["meta"]["is_correct"]) for row in answers(ws)]
    assert fields == [("m", "hm", "stop", True), ("n", None, "length", False)]
    assert [(row["meta"]["scores"], row["meta"].get("samples.id")) for row in answers(ws)] == [(1, None), (0, "b")]


@pytest.mark.parametrize("switch", ["on", "off", True, "high"])
def test_a_switch_of_reasoning_is_no_reasoning(ws: Workspace, jsonl: WriteLines, switch: Any) -> None:
    report = import_one(ws, jsonl, {"question": "1+1?", "output": "It is 2", "reasoning": switch})
    [row] = answers(ws)
    assert (row["reasoning"], row["meta"]["reasoning"]) == (None, switch)
    assert f"1 rows switch reasoning and hold none, which is kept in meta: {str(switch)!r} 1" in report.notes


@pytest.mark.parametrize("nothing", ["", False, "[]", "{}", [], [""], "null"])
def test_an_empty_cell_of_tests_is_no_test(ws: Workspace, jsonl: WriteLines, nothing: Any) -> None:
    import_problems(ws, ImportSpec(jsonl({"question": "1+1?", "answer": "2", "tests": nothing}), "p"))
    [problem] = ws.segments.read("problems").to_pylist()
    assert (problem["kind"], problem["tests"]) == ("math", "[]")


TESTS = json.dumps({"inputs": ["1\n"], "outputs": ["2\n"]})


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"reward_model": {"style": "rule", "ground_truth": "2"}}, ("2", "math")),
        ({"reward_model": json.dumps({"style": "rule", "ground_truth": "2"})}, ("2", "math")),
        ({"reward_model": {"ground_truth": '["2"]'}}, ("2", "math")),
        ({"reward_model": {"ground_truth": "[2,3]"}}, ("[2,3]", "math")),
        ({"reward_model": {"ground_truth": TESTS}}, ("", "code")),
        ({"verification_info": json.dumps({"ground_truth": "2"})}, ("2", "math")),
    ],
)
def test_a_reference_within_an_object_is_read(
    ws: Workspace, jsonl: WriteLines, held: dict[str, Any], expected: tuple[str, str]
) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"prompt": "1+1?", **held}), "p"))
    [problem] = ws.segments.read("problems").to_pylist()
    assert (problem["reference"], problem["kind"]) == expected
    [name] = held
    assert uses(report)[name] == f"read as part of {report.format}"


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "Human", "value": "1+1?"}, {"from": "ChatGPT", "value": "It is 2"}],
        [{"role": "prompter", "text": "1+1?"}, {"role": "Assistant", "text": "It is 2"}],
    ],
)
def test_roles_have_other_names(ws: Workspace, jsonl: WriteLines, turns: list[dict[str, Any]]) -> None:
    import_one(ws, jsonl, {"conversations": turns})
    assert prompts(ws) == [[("user", "1+1?")]]
    assert [(row["text"], row["messages"]) for row in answers(ws)] == [("It is 2", None)]


def test_an_unknown_role_is_refused(ws: Workspace, jsonl: WriteLines) -> None:
    with pytest.raises(SetupError, match="line 1: a turn has the unknown role 'critic'"):
        import_one(ws, jsonl, {"messages": [ASKED, {"role": "critic", "content": "It is 2"}]})


def test_a_call_in_the_older_form_is_kept(ws: Workspace, jsonl: WriteLines) -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "add", "arguments": "{}"}}
    import_one(ws, jsonl, {"messages": [ASKED, call, {"role": "function", "name": "add", "content": "2"}, GIVEN]})
    [row] = answers(ws)
    kinds = [(turn["role"], turn["kind"], turn.get("name")) for turn in json.loads(row["messages"])]
    assert kinds == [
        ("assistant", "tool_call", "add"),
        ("tool", "tool_result", "add"),
        ("assistant", "text", None),
    ]


def test_names_of_columns_differ_in_case_and_signs(ws: Workspace, jsonl: WriteLines) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"Task ID": 3.0, "Question": "1+1?", "expectedOutput": "2"}), "p"))
    assert uses(report) == {"Task ID": "id", "Question": "prompt", "expectedOutput": "reference"}
    [problem] = ws.segments.read("problems").to_pylist()
    assert problem["external_id"] == "3"


def test_a_mapped_place_is_no_column_of_its_own(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"inputs": {"question": "1+1?"}, "outputs": {"answer": "2"}})
    report = import_problems(ws, ImportSpec(path, "p", {"prompt": "inputs.question", "reference": "outputs.answer"}))
    assert uses(report) == {"inputs": "prompt", "outputs": "reference"}


def test_a_reply_of_ollama_is_an_answer(ws: Workspace, jsonl: WriteLines) -> None:
    message = {**GIVEN, "thinking": "hm"}
    import_one(ws, jsonl, {"prompt": "1+1?", "message": message, "done_reason": "length", "eval_count": 7})
    [row] = answers(ws)
    fields = (row["text"], row["reasoning"], row["finish_reason"], row["tokens_out"])
    assert fields == ("It is 2", "hm", "length", 7)


def test_a_message_of_anthropic_is_an_answer(ws: Workspace, jsonl: WriteLines) -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "It is 2"}]
    message = {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn", "id": "m"}
    import_one(ws, jsonl, {"prompt": "1+1?", "model": "claude", **message, "usage": {"output_tokens": 7}})
    [row] = answers(ws)
    fields = (row["model"], row["text"], row["reasoning"], row["finish_reason"], row["tokens_out"])
    assert fields == ("claude", "It is 2", "hm", "stop", 7)


@pytest.mark.parametrize(
    ("column", "cell", "texts"),
    [
        ("generations", "['It is 2', \"It's 9\"]", ["It is 2", "It's 9"]),
        ("generations", "['It is 2' 'It is 9']", ["['It is 2' 'It is 9']"]),
        ("response", "['It is 2', 'It is 9']", ["['It is 2', 'It is 9']"]),
    ],
    ids=["pandas", "NumPy", "an answer that is a list"],
)
def test_a_list_that_python_wrote_as_text(
    ws: Workspace, jsonl: WriteLines, column: str, cell: str, texts: list[str]
) -> None:
    import_one(ws, jsonl, {"prompt": "1+1?", column: cell})
    assert [row["text"] for row in answers(ws)] == texts


def test_a_file_of_failed_requests_says_so(ws: Workspace, jsonl: WriteLines) -> None:
    failed = {"custom_id": "a", "response": {"status_code": 400, "body": {"error": {"message": "bad"}}}}
    with pytest.raises(SetupError, match="holds an answer: 1 requests in it failed"):
        import_one(ws, jsonl, failed)


CELLS = "id{0}question{0}answer\n1{0}1+1?{0}2\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", ("sep=;\n" + CELLS.format(";")).encode()),
        ("a.tsv", CELLS.format(",").encode()),
        ("a.jsonl.bz2", bz2.compress(b'{"id": 1, "question": "1+1?", "answer": "2"}\n')),
        ("a.json", b'{"results": {"version": 3, "results": [{"id": 1, "question": "1+1?", "answer": "2"}]}}'),
    ],
)
def test_files_of_other_programs_are_read(ws: Workspace, tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    import_problems(ws, ImportSpec(tmp_path / name, "p"))
    [problem] = ws.segments.read("problems").to_pylist()
    assert (problem["external_id"], problem["prompt"], problem["reference"]) == ("1", '"1+1?"', "2")


def test_a_json_file_of_splits_has_rows_of_each(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "sums.json"
    splits = {name: [{"question": f"{name}?", "answer": "2"}] for name in ("train", "test")}
    path.write_text(json.dumps(splits))
    import_problems(ws, ImportSpec(path, "p"))
    rows = ws.segments.read("problems").to_pylist()
    assert {(row["prompt"], row["split"]) for row in rows} == {('"train?"', "train"), ('"test?"', "test")}
