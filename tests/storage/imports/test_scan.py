"""Files that other tools write, each imported by one command: what becomes of every field, and that no text is a list."""

import gzip
import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.reading.cells import value_at
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportReport, ImportSpec
from rollmill.storage.workspace import Workspace
from tests.storage.imports.conftest import WriteLines

ASK = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "What is 53+47?"}]
SAID = {"role": "assistant", "content": "53+47 = 100"}
WRONG = {"role": "assistant", "content": "It is 99"}


def stored(ws: Workspace, kind: str) -> list[dict[str, Any]]:
    connection: duckdb.DuckDBPyConnection = ws.segments.connection()
    with connection:
        segments = ws.segments.registry.segments(kind)  # type: ignore[arg-type]
        paths = [ws.segments.path(segment) for segment in segments]
        return [dict(row) for path in paths for row in pq.read_table(path).to_pylist()]


def rollouts(ws: Workspace, path: Path, **more: Any) -> tuple[ImportReport, list[dict[str, Any]]]:
    report = import_rollouts(ws, ImportSpec(path, "mine", **more))
    return report, sorted(stored(ws, "completions"), key=lambda row: (row["model"], row["sample_index"]))


LM_EVAL = {
    "doc_id": 7,
    "doc": {"question": "What is 53+47?", "answer": "so 100\n#### 100"},
    "target": "so 100\n#### 100",
    "arguments": {"gen_args_0": {"arg_0": "Q: What is 53+47?\nA:", "arg_1": {"until": ["\n"]}}},
    "resps": [["53+47 = 100", "It is 99"]],
    "filtered_resps": ["100"],
    "exact_match": 1.0,
}
BATCH = {
    "id": "batch_req_1",
    "custom_id": "p1",
    "response": {
        "status_code": 200,
        "body": {
            "model": "m-1",
            "choices": [
                {"index": 1, "message": WRONG, "finish_reason": "length"},
                {"index": 0, "message": SAID, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 12},
        },
    },
    "error": None,
}
VLLM = {
    "prompt": "What is 53+47?",
    "expected_answer": "100",
    "outputs": [
        {"text": "53+47 = 100", "finish_reason": "stop", "token_ids": [1, 2, 3], "cumulative_logprob": -1.5},
        {"text": "It is 99", "finish_reason": "length", "token_ids": [4]},
    ],
}
NEMO = {
    "problem": "What is 53+47?",
    "expected_answer": "100",
    "generation": "53+47 = 100",
    "predicted_answer": "100",
    "num_generated_tokens": 8,
    "is_correct": True,
}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"model": "m-1"},
    "samples": [
        {
            "id": 1,
            "epoch": epoch,
            "input": ASK,
            "target": ["100"],
            "output": {"model": "m-1", "choices": [{"message": message, "stop_reason": "stop"}]},
            "scores": {"match": {"value": value}},
        }
        for epoch, message, value in ((1, SAID, "C"), (2, WRONG, "I"))
    ],
}


@pytest.mark.parametrize(
    ("row", "name", "texts"),
    [
        (LM_EVAL, "lm-eval samples", ["53+47 = 100", "It is 99"]),
        (VLLM, "vLLM outputs", ["53+47 = 100", "It is 99"]),
        (NEMO, "NeMo-Skills generations", ["53+47 = 100"]),
    ],
)
def test_a_tools_own_file_needs_no_mapping(ws: Workspace, jsonl: WriteLines, row: Any, name: str, texts: list[str]) -> None:
    report, rows = rollouts(ws, jsonl(row))
    assert report.format == name
    assert [row["text"] for row in rows] == texts
    [problem] = stored(ws, "problems")
    assert problem["reference"] == "100"
    assert "53+47" in problem["prompt"]


def test_what_vllm_counted_is_kept(ws: Workspace, jsonl: WriteLines) -> None:
    _, rows = rollouts(ws, jsonl(VLLM))
    assert [(row["finish_reason"], row["tokens_out"], row["logprob_sum"]) for row in rows] == [
        ("stop", 3, -1.5),
        ("length", 1, None),
    ]


def test_batch_output_answers_an_imported_set_and_failed_requests_are_counted(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl({"id": "p1", "prompt": ASK, "answer": "100"}, name="p.jsonl"), "set"))
    failed = {**BATCH, "custom_id": "p1", "response": None, "error": {"code": "timeout"}}
    report, rows = rollouts(ws, jsonl(BATCH, failed), problems="set")
    assert [(row["text"], row["finish_reason"], row["model"]) for row in rows] == [
        ("53+47 = 100", "stop", "m-1"),
        ("It is 99", "length", "m-1"),
    ]
    assert "1 rows hold no answer (their request failed) and were left out" in report.notes


def test_an_inspect_log_is_read_whole(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    path.write_text(json.dumps(INSPECT))
    report, rows = rollouts(ws, path)
    assert (report.format, [row["text"] for row in rows]) == ("Inspect log", ["53+47 = 100", "It is 99"])
    assert [json.loads(row["meta"])["is_correct"] for row in rows] == [True, False]


@pytest.mark.parametrize("suffix", ["parquet", "jsonl", "csv"])
def test_a_list_of_answers_becomes_samples(ws: Workspace, tmp_path: Path, jsonl: WriteLines, suffix: str) -> None:
    """The corruption that was published: one text with brackets and quotes, judged correct."""
    answers = ["53+47 = 100", "It is 99", "100"]
    path = tmp_path / f"rows.{suffix}"
    if suffix == "parquet":
        table = {
            "question": ["What is 53+47?"],
            "answer": ["100"],
            "responses": [answers],
            "is_correct": [[True, False, True]],
        }
        pq.write_table(pa.table(table), path)
    elif suffix == "jsonl":
        jsonl({"question": "What is 53+47?", "answer": "100", "responses": answers, "is_correct": [True, False, True]})
    else:
        import csv

        with path.open("w", newline="") as file:
            csv.writer(file).writerows(
                [["question", "answer", "responses"], ["What is 53+47?", "100", json.dumps(answers)]]
            )
    for maps in ({}, {"text": "responses"}, {"text": "responses[*]"}):
        with Workspace.init(tmp_path / f"ws{len(str(maps))}") as fresh:
            report, rows = rollouts(fresh, path, maps=maps)
            assert [(row["text"], row["sample_index"]) for row in rows] == list(zip(answers, range(3), strict=True))
            assert "1 rows hold 3 answers" in report.notes


def test_one_answer_can_be_taken_out_of_a_list(ws: Workspace, jsonl: WriteLines) -> None:
    row = {"doc": {"q": "What is 53+47?"}, "gold": {"truth": ["100"]}, "out": [{"msg": SAID}, {"msg": WRONG}]}
    maps = {"prompt": "doc.q", "reference": "gold.truth[0]", "text": "out[*].msg.content"}
    _, rows = rollouts(ws, jsonl(row), maps=maps)
    assert [row["text"] for row in rows] == ["53+47 = 100", "It is 99"]


@pytest.mark.parametrize("key", ["messages", "conversations"])
def test_the_last_answer_of_a_conversation_is_the_rollout(ws: Workspace, jsonl: WriteLines, key: str) -> None:
    turns: list[Any] = [*ASK, SAID]
    if key == "conversations":
        turns = [{"from": {"assistant": "gpt"}.get(turn["role"], turn["role"]), "value": turn["content"]} for turn in turns]
    _, [one] = rollouts(ws, jsonl({key: turns, "answer": "100"}))
    [problem] = stored(ws, "problems")
    assert (one["text"], one["messages"]) == ("53+47 = 100", None)
    assert [turn["content"] for turn in json.loads(problem["prompt"])] == ["Be short.", "What is 53+47?"]


def test_a_problem_never_holds_its_answer(ws: Workspace, jsonl: WriteLines) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"messages": [*ASK, SAID], "answer": "100"}), "set"))
    [problem] = stored(ws, "problems")
    assert "53+47 = 100" not in problem["prompt"]
    assert any("1 conversations end with an answer" in note for note in report.notes)


def test_trl_prompts_and_completions_are_turns(ws: Workspace, jsonl: WriteLines) -> None:
    _, [one] = rollouts(ws, jsonl({"prompt": ASK, "completion": [SAID], "answer": "100"}))
    assert (one["text"], one["messages"]) == ("53+47 = 100", None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "q", "answer": ["1", "2"], "text": "x"}, "the reference is a list of 2, and a problem has one"),
        ({"question": {"a": 1}, "answer": "1", "text": "x"}, "is an object, not a text"),
        ({"question": "q", "answer": "1", "responses": []}, "there is no answer in the list"),
        (
            {"question": "q", "answer": "1", "responses": ["a", "b"], "is_correct": [True]},
            "holds 2 answers and is_correct 1",
        ),
        ({"question": "q", "answer": "1", "responses": [{"x": 1}]}, r"say --map text=responses\[\*\].KEY"),
        ({"messages": ASK, "answer": "1"}, "the conversation ends without an answer"),
        ({"messages": [SAID], "answer": "1"}, "no turn of it is the user's"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(ws: Workspace, jsonl: WriteLines, row: Any, message: str) -> None:
    good = {"question": "q0", "answer": "1", "text": "x"} if "text" in row else {**row, "x": 0}
    path = jsonl(*([good] if "text" in row else []), row)
    line = 2 if "text" in row else 1
    with pytest.raises(SetupError, match=rf"line {line}: .*{message}.*nothing was stored"):
        rollouts(ws, path)
    assert stored(ws, "completions") == []


def test_what_is_moved_or_doubled_is_said(ws: Workspace, jsonl: WriteLines) -> None:
    rows = (
        {"id": "a", "question": "q", "answer": "1", "level": "hard"},
        {"id": "a ", "question": "p", "answer": "2", "level": "hard"},
        {"id": "b", "question": "r", "answer": "2", "level": "Level 3"},
    )
    report = import_problems(ws, ImportSpec(jsonl(*rows), "set"))
    assert report.notes == (
        "2 levels are not numbers and are kept as meta.level: 'hard' 2",
        "1 ids differ from another one in spaces only: 'a'",
    )
    report, _ = rollouts(ws, jsonl({"question": "s", "answer": "1", "text": "x", "finish_reason": "odd"}, name="r.jsonl"))
    assert "1 unknown finish reasons were left out: 'odd' 1" in report.notes


def test_a_folder_of_datasets_is_one_file(ws: Workspace, tmp_path: Path) -> None:
    table = pa.table({"question": ["p", "q"], "answer": ["1", "2"], "text": ["x", "y"]})
    parquet, arrow = tmp_path / "hub" / "data", tmp_path / "saved"
    parquet.mkdir(parents=True)
    arrow.mkdir()
    pq.write_table(table.slice(0, 1), parquet / "train-0.parquet")
    pq.write_table(table.slice(1), parquet / "train-1.parquet")
    with pa.OSFile(str(arrow / "data-00000-of-00001.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    (arrow / "state.json").write_text("{}")
    for number, folder in enumerate((tmp_path / "hub", arrow)):
        with Workspace.init(tmp_path / f"ws{number}") as fresh:
            report, rows = rollouts(fresh, folder)
            assert (report.rows, report.format, len(rows)) == (2, "folder of datasets", 2)


def test_a_line_that_unfolds_too_far_is_refused(ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tracemalloc

    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(80):
            file.write(b" " * (1 << 20))
    tracemalloc.start()
    with pytest.raises(SetupError, match=r"line 1 is longer than 64 MiB; nothing was stored"):
        rollouts(ws, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300 << 20


def test_paths_reach_into_json_texts() -> None:
    values = {"a": '{"b": [1, {"c": 2}]}', "l": [{"t": "x"}, {}, {"t": "y"}]}
    assert value_at(values, "a.b[1].c") == 2
    assert value_at(values, "l[*].t") == ["x", "y"]
    assert value_at(values, "a.b[9]") is None
    with pytest.raises(SetupError, match=r"'a\[x\]' is not a place in a row"):
        value_at(values, "a[x]")


@pytest.mark.parametrize(
    ("row", "form", "asked"),
    [
        ({"choices": ["3", "4"], "answer": "B"}, "multiple choice", "2+2?\n\nA) 3\nB) 4"),
        ({"choices": ["3", "4"], "answer": 1}, "multiple choice", "2+2?\n\nA) 3\nB) 4"),
        (
            {"choices": {"text": ["3", "4"], "label": ["1", "2"]}, "answerKey": "2"},
            "multiple choice",
            "2+2?\n\nA) 3\nB) 4",
        ),
        ({"choices": "3 or 4", "answer": "B"}, "", "2+2?"),
        ({"question": "2+2? A: 3, B: 4", "choices": ["3", "4"], "answer": "B"}, "", "2+2? A: 3, B: 4"),
    ],
    ids=["letter", "place", "ARC", "text", "shown already"],
)
def test_a_question_is_asked_with_its_options(
    ws: Workspace, jsonl: WriteLines, row: dict[str, Any], form: str, asked: str
) -> None:
    """A benchmark has columns that servers' replies have as well, and an answer that says nothing without its options."""
    report = import_problems(ws, ImportSpec(jsonl({"question": "2+2?", **row}), "own"))
    (problem,) = stored(ws, "problems")
    assert (report.format, problem["reference"], json.loads(problem["prompt"])) == (form, "B", asked)


def test_a_row_whose_output_is_a_text_is_no_log(ws: Workspace, jsonl: WriteLines) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"id": "a", "input": "q", "target": "4", "output": "4"}), "own"))
    assert (report.format, report.problems.new) == ("", 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**LM_EVAL, "resps": None}, "its resps hold no texts"),
        ({**LM_EVAL, "resps": "abc"}, "its resps hold no texts"),
        ({"custom_id": "p", "response": {"body": {"choices": ["hi"]}}}, "choices are not a list of objects"),
        (
            {"custom_id": "p", "response": {"body": {"choices": [{"message": "hi"}]}}},
            "the message of a choice is not an object",
        ),
        (
            {"id": 1, "input": "q", "target": "4", "output": {"choices": ["hi"]}},
            "the choices of its output are not objects",
        ),
    ],
)
def test_a_tools_row_that_is_not_as_the_tool_writes_it_is_named(
    ws: Workspace, jsonl: WriteLines, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(SetupError, match=rf"line 1: .*{message}.*nothing was stored"):
        import_rollouts(ws, ImportSpec(jsonl(row), "own"))


def test_a_batch_reply_that_is_no_object_is_a_request_that_failed(ws: Workspace, jsonl: WriteLines) -> None:
    failed = {"custom_id": "p2", "response": {"status_code": 500, "body": "Internal error"}}
    with pytest.raises(SetupError) as error:
        import_rollouts(ws, ImportSpec(jsonl(failed), "own"))
    assert "Traceback" not in str(error.value)


def test_a_reply_without_choices_is_a_request_that_failed(ws: Workspace, jsonl: WriteLines) -> None:
    reply = {"problem_id": "p", "prompt": "1+1?", "reference": "2", "model": "m"}
    rows = [{**reply, "choices": [{"message": {"content": "2"}}]}, {**reply, "choices": None, "error": "overloaded"}]
    report, answers = rollouts(ws, jsonl(*rows))
    assert (report.format, [row["text"] for row in answers]) == ("OpenAI completions", ["2"])


def test_a_column_called_external_ids_names_no_problem_of_another_row(ws: Workspace, jsonl: WriteLines) -> None:
    rows = [{"id": f"p{n}", "prompt": f"{n}+1?", "answer": "1", "external_ids": given} for n, given in enumerate((5, "ab"))]
    for _ in range(2):
        import_problems(ws, ImportSpec(jsonl(*rows), "own"))
    answer = {"problem_id": "a", "model": "m", "text": "1"}
    with pytest.raises(SetupError, match="'a'"):
        import_rollouts(ws, ImportSpec(jsonl(answer, name="answers.jsonl"), "own", problems="own"))


def test_lists_of_a_persons_own_go_to_the_answers_in_order(ws: Workspace, jsonl: WriteLines) -> None:
    row = {"question": "q", "answer": "1", "responses": ["a", "b"], "rewards": [1.0, 0.5], "notes": ["x", "y"], "tag": "t"}
    _, rows = rollouts(ws, jsonl(row | {"tags": ["u", "v", "w"], "empty": []}), whole=("tags",))
    assert [json.loads(row["meta"]) for row in rows] == [
        {"import": "mine", "problem_id": rows[0]["meta"] and json.loads(rows[0]["meta"])["problem_id"], **said}
        for said in (
            {"rewards": 1.0, "notes": "x", "tag": "t", "tags": ["u", "v", "w"], "empty": []},
            {"rewards": 0.5, "notes": "y", "tag": "t", "tags": ["u", "v", "w"], "empty": []},
        )
    ]


def test_a_list_of_another_length_beside_answers_is_refused(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"question": "q", "answer": "1", "responses": ["a", "b"], "rewards": [1.0]})
    said = r"line 1: responses holds 2 answers and rewards 1 values \(--whole rewards: it is of the whole row\); nothing"
    with pytest.raises(SetupError, match=said):
        rollouts(ws, path)
