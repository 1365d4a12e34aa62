"""Files as other tools write them: each answer is one completion, with the text, reasoning and label that it has there."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs.tools import logs_at, read_logs
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.workspace import Workspace
from tests.storage.imports.conftest import WriteLines

CASES = Path(__file__).with_name("cases")
SUMS = [{"id": str(number), "question": f"What is {number}+1?", "answer": str(number + 1)} for number in range(4)]


@pytest.fixture
def sums(ws: Workspace, jsonl: WriteLines) -> Workspace:
    import_problems(ws, ImportSpec(jsonl(*SUMS, name="sums.jsonl"), "sums"))
    return ws


def completions(ws: Workspace) -> list[Any]:
    return sorted(ws.segments.read("completions").to_pylist(), key=lambda row: (row["prompt_id"], row["sample_index"]))


def answers(ws: Workspace) -> set[tuple[str, str | None]]:
    return {(row["text"], row["reasoning"]) for row in completions(ws)}


def test_each_generation_of_openr1_is_the_answer_and_not_the_conversation_beside_it(ws: Workspace) -> None:
    report = import_rollouts(ws, ImportSpec(CASES / "openr1.jsonl", "r1"))
    rows = completions(ws)
    assert (report.rows, len(rows)) == (4, 8)
    good = {row["text"] for row in rows if json.loads(row["meta"])["correctness_math_verify"]}
    assert [row["messages"] for row in rows] == [None] * 8
    assert {text.rpartition("boxed")[2] for text in good} == {f"{{{number}}}$." for number in (1, 2, 3, 4)}
    assert sum("99" in row["text"] for row in rows) == 4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("batch_parts.jsonl", {(f"Let me see: 1+1. The answer is {n}.", None) for n in (1, 2, 3)}),
        ("batch_responses.jsonl", {(f"The answer is {n}.", None) for n in (1, 2, 3)}),
        ("inspect_reasoning.json", {(f"The answer is {n}.", "hmm 1+1") for n in (1, 2, 3)}),
        ("mistral.jsonl", {("The answer is 2.", "1+1, maybe 3")}),
        ("rc.jsonl", {("The answer is 2.", "One and one. That makes two."), ("The answer is 3.", "Two and one.")}),
        ("samples_gsm8k.jsonl", {(f" The answer is {n}.", None) for n in (1, 2, 3)} | {(" The answer is 4.", None)}),
    ],
)
def test_one_reply_is_one_completion_with_its_reasoning(
    sums: Workspace, name: str, expected: set[tuple[str, str | None]]
) -> None:
    alone = name in ("samples_gsm8k.jsonl",)  # its prompts are few-shot prompts of its own
    import_rollouts(sums, ImportSpec(CASES / name, "r", problems=None if alone else "sums"))
    assert answers(sums) == expected
    assert len(completions(sums)) == len(expected)


LOGS = Path(__file__).parents[2] / "flows" / "adopting" / "logs"


def metas(ws: Workspace) -> list[Any]:
    return [json.loads(row["meta"]) for row in completions(ws)]


def test_filters_are_labels_of_one_answer(ws: Workspace) -> None:
    report = import_rollouts(ws, ImportSpec(CASES / "samples_gsm8k.jsonl", "r"))
    assert "4 rows are of an answer under another filter (flexible-extract 4), kept as its scores" in report.notes
    labels = [(meta["exact_match,strict-match"], meta["exact_match,flexible-extract"]) for meta in metas(ws)]
    assert labels == [(0.0, 1.0)] * 4
    assert [meta["is_correct"] for meta in metas(ws)] == [False] * 4


def test_the_label_of_another_filter_can_be_chosen(ws: Workspace) -> None:
    chosen = {"is_correct": "exact_match,flexible-extract"}
    import_rollouts(ws, ImportSpec(CASES / "samples_gsm8k.jsonl", "r", chosen))
    assert [meta["is_correct"] for meta in metas(ws)] == [True] * 4


def test_equal_answers_of_one_filter_were_drawn_again(ws: Workspace, tmp_path: Path) -> None:
    """Two evaluations of one task in one file."""
    path = tmp_path / "samples.jsonl"
    path.write_text((CASES / "samples_gsm8k.jsonl").read_text() * 2)
    report = import_rollouts(ws, ImportSpec(path, "r"))
    assert (report.problems.new, report.completions.new) == (4, 8)


@pytest.mark.parametrize(
    ("pattern", "form", "right"),
    [
        ("inspect/sums.eval", "Inspect log", 17),
        ("lm_eval/samples_*.jsonl", "lm-eval samples", 2),
        ("lm_eval_choices/samples_*.jsonl", "lm-eval samples", 1),
        ("verifiers/results.jsonl", "verifiers results", 19),
        ("nemo_skills/sums/output-rs0.jsonl", "NeMo-Skills generations", 4),
        ("lighteval/details/*/*/*/*.parquet", "lighteval details", 12),
    ],
)
def test_an_evaluation_log_is_imported_as_it_is_adopted(ws: Workspace, pattern: str, form: str, right: int) -> None:
    """The same answers and labels; of choices those of the first rule. `adopt` keeps the whole log beside them."""
    [path] = LOGS.glob(pattern)
    [tool, file], *_ = logs_at(path)
    log, *_ = read_logs(tool, file)
    adopted = [(answer.text, answer.values(answer.scores.get(log.labels[0])).get("is_correct")) for answer in log.answers]
    adopted = adopted if file == path else adopted[::4]  # one of four runs
    report = import_rollouts(ws, ImportSpec(path, "r"))
    rows = [(row["text"], json.loads(row["meta"]).get("is_correct")) for row in completions(ws)]
    assert (report.format, sorted(map(str, rows))) == (form, sorted(map(str, adopted)))
    assert sum(label is True for _, label in rows) == right


INSPECT = {
    "epoch": 1,
    "input": "Who wrote it?",
    "output": {"model": "m", "choices": [{"message": {"role": "assistant", "content": "Twain"}}]},
    "scores": {"includes": {"value": "C"}},
}
LM_EVAL = {
    "arguments": [["Who wrote it?", {}]],
    "resps": [["Twain"]],
    "filter": "none",
    "metrics": ["acc"],
    "acc": 1.0,
}
NOTE = "2 answers are to problems with several targets, of which each is right, and were left out: line 1, line 4"


@pytest.mark.parametrize(
    "rows",
    [
        [
            {**INSPECT, "id": at, "target": target}
            for at, target in enumerate([["Twain", "Clemens"], "A", ["B", "B"], ["é", "e"]])
        ],
        [
            {**LM_EVAL, "doc_id": at, "doc": {"answers": document}, "target": target}
            for at, (target, document) in enumerate(
                [
                    (["Twain", "Clemens"], "?"),
                    ("A", "A"),
                    ("['B']", ["B"]),
                    ("['é', 'e']", ["é", "e"]),
                ]
            )
        ],
    ],
)
def test_answers_to_problems_with_several_targets_are_left_out_and_named(
    ws: Workspace, jsonl: WriteLines, rows: list[dict[str, Any]]
) -> None:
    for row in rows:
        row["input" if "input" in row else "arguments"] = (
            f"Who wrote {row['id']}?" if "input" in row else [[f"Who wrote {row['doc_id']}?", {}]]
        )
    report = import_rollouts(ws, ImportSpec(jsonl(*rows), "r"))
    assert NOTE in report.notes
    assert (report.problems.new, report.completions.new) == (2, 2)
    assert sorted(ws.segments.read("problems")["reference"].to_pylist()) == ["A", "B"]


def test_a_log_with_nothing_but_several_targets_is_refused(ws: Workspace, jsonl: WriteLines) -> None:
    with pytest.raises(SetupError, match="1 answers are to problems with several targets"):
        import_rollouts(ws, ImportSpec(jsonl({**INSPECT, "id": 1, "target": ["Twain", "Clemens"]}), "r"))


def test_several_targets_do_not_matter_to_answers_of_a_set(ws: Workspace, jsonl: WriteLines) -> None:
    problem = {"id": "1", "question": "Who wrote it?", "answer": "Twain"}
    import_problems(ws, ImportSpec(jsonl(problem, name="set.jsonl"), "set"))
    row = {**INSPECT, "id": "1", "target": ["Twain", "Clemens"]}
    assert import_rollouts(ws, ImportSpec(jsonl(row), "r", problems="set")).completions.new == 1


def test_the_text_of_a_list_is_an_answer_where_the_document_has_it(ws: Workspace, jsonl: WriteLines) -> None:
    row = {**LM_EVAL, "doc_id": 0, "doc": {"output": "['a', 'b']"}, "target": "['a', 'b']"}
    import_rollouts(ws, ImportSpec(jsonl(row), "r"))
    assert ws.segments.read("problems")["reference"].to_pylist() == ["['a', 'b']"]


def test_the_model_of_lm_evals_answers_is_the_one_that_its_results_name(ws: Workspace, tmp_path: Path) -> None:
    [samples] = (LOGS / "lm_eval").glob("samples_*.jsonl")
    report = import_rollouts(ws, ImportSpec(samples, "r"))
    results = samples.name.replace("samples_sums", "results").replace("jsonl", "json")
    assert f"the model of 32 answers is 'rollmill-tiny', as {results} beside them says" in report.notes
    assert {row["model"] for row in completions(ws)} == {"rollmill-tiny"}
    import_rollouts(ws, ImportSpec(samples, "named", constants={"model": "mine"}))
    folder = import_rollouts(ws, ImportSpec(samples.parent, "folder"))
    assert (folder.completions.new, folder.notes[1:]) == (32, report.notes[1:])
    (tmp_path / samples.name).write_bytes(samples.read_bytes())
    (tmp_path / results).write_text("{")
    alone = import_rollouts(ws, ImportSpec(tmp_path / samples.name, "alone"))
    assert any("no column names the model" in note for note in alone.notes)
    by_import = {(json.loads(row["meta"])["import"], row["model"]) for row in completions(ws)}
    assert by_import == {("r", "rollmill-tiny"), ("named", "mine"), ("alone", "unknown")}


def test_a_conversation_and_a_column_that_answer_differently_are_told_apart_by_a_person(ws: Workspace) -> None:
    path = CASES / "msgs_resp.jsonl"
    with pytest.raises(SetupError, match="response and messages hold different answers: say --map text=response or --map"):
        import_rollouts(ws, ImportSpec(path, "r"))
    import_rollouts(ws, ImportSpec(path, "r", {"text": "response"}))
    import_rollouts(ws, ImportSpec(path, "s", {"messages": "messages"}))
    assert answers(ws) == {("The answer is 7.", None), ("The answer is 2.", None)}


@pytest.mark.parametrize("asked", ["question", None])
def test_messages_that_only_ask_are_the_prompt(ws: Workspace, jsonl: WriteLines, asked: str | None) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}]
    row = {"messages": turns, "response": "2", "answer": "2", **({asked: "1+1?"} if asked else {})}
    import_rollouts(ws, ImportSpec(jsonl(row), "r"))
    [(text, reasoning)] = answers(ws)
    assert (text, reasoning) == ("2", None)
    [problem] = ws.segments.read("problems").to_pylist()
    assert ("Be brief." in problem["prompt"]) == (asked is None)


def test_reasoning_of_an_answer_in_turns_stands_in_its_turn(ws: Workspace, jsonl: WriteLines) -> None:
    turns = [
        {"role": "user", "content": "17*23?"},
        {"role": "assistant", "content": "", "reasoning_content": "Ask.", "tool_calls": [{"name": "mul", "arguments": {}}]},
        {"role": "tool", "content": "391"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Good."}, {"type": "text", "text": "391"}]},
    ]
    import_rollouts(ws, ImportSpec(jsonl({"messages": turns, "answer": "391"}), "r"))
    [row] = completions(ws)
    assert [(turn["content"], turn["kind"]) for turn in json.loads(row["messages"])] == [
        ("<think>\nAsk.\n</think>\n\n", "text"),
        ("{}", "tool_call"),
        ("391", "tool_result"),
        ("<think>\nGood.\n</think>\n\n391", "text"),
    ]


def test_alpacas_input_belongs_to_the_prompt(ws: Workspace) -> None:
    report = import_problems(ws, ImportSpec(CASES / "alpaca.json", "a", {"reference": "output"}))
    assert (report.format, report.problems.new) == ("Alpaca", 7)
    prompts = {row["prompt"] for row in ws.segments.read("problems").to_pylist()}
    assert json.dumps("Classify the number as even or odd.\n\n1") in prompts


def test_an_answer_as_an_object_keeps_what_it_says_of_the_answer(ws: Workspace, jsonl: WriteLines) -> None:
    """UltraFeedback."""
    drawn = [{"model": "a", "response": "2", "overall_score": 8}, {"model": "b", "response": "3", "overall_score": 1}]
    import_rollouts(ws, ImportSpec(jsonl({"instruction": "1+1?", "answer": "2", "completions": drawn}), "u"))
    said = {row["text"]: json.loads(row["meta"]) for row in completions(ws)}
    assert {text: meta["overall_score"] for text, meta in said.items()} == {"2": 8, "3": 1}


def test_rows_of_verl_have_reference_and_split_in_objects(ws: Workspace, jsonl: WriteLines) -> None:
    row = {"prompt": [{"role": "user", "content": "1+1?"}], "reward_model": {"style": "rule", "ground_truth": "2"}}
    import_problems(ws, ImportSpec(jsonl({**row, "extra_info": {"split": "test", "index": 0}}), "v"))
    [problem] = ws.segments.read("problems").to_pylist()
    assert (problem["reference"], problem["split"]) == ("2", "test")


def test_a_batch_of_anthropic(sums: Workspace, jsonl: WriteLines) -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "2"}]
    message = {
        "role": "assistant",
        "model": "c",
        "content": content,
        "stop_reason": "end_turn",
        "usage": {"output_tokens": 4},
    }
    rows = [{"custom_id": "1", "result": {"type": "succeeded", "message": message}}, {"custom_id": "2", "result": {}}]
    report = import_rollouts(sums, ImportSpec(jsonl(*rows), "r", problems="sums"))
    [row] = completions(sums)
    assert (row["text"], row["reasoning"], row["model"], row["tokens_out"]) == ("2", "hm", "c", 4)
    assert "1 rows hold no answer (their request failed) and were left out" in report.notes


def test_a_difficulty_by_halves_is_kept(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl({"question": "1+1?", "final_answer": "2", "difficulty": 5.5}), "d"))
    [problem] = ws.segments.read("problems").to_pylist()
    assert (problem["level"], json.loads(problem["meta"])["level"]) == (None, 5.5)


def test_sglang_outputs(sums: Workspace, jsonl: WriteLines) -> None:
    about = {"finish_reason": {"type": "length"}, "prompt_tokens": 5, "completion_tokens": 7}
    import_rollouts(sums, ImportSpec(jsonl({"problem_id": "0", "text": "1", "meta_info": about}), "r", problems="sums"))
    [row] = completions(sums)
    assert (row["text"], row["finish_reason"], row["tokens_in"], row["tokens_out"]) == ("1", "length", 5, 7)


@pytest.mark.parametrize(
    "name", ["conflict.jsonl", "semi.csv", "pandas.json", "data_key.json", "z.jsonl.zst", "numina.jsonl"]
)
def test_problem_files_of_editors_and_interfaces(ws: Workspace, name: str, tmp_path: Path) -> None:
    report = import_problems(ws, ImportSpec(CASES / name, "p", set_aside=tmp_path / "aside.jsonl"))
    new = {"conflict.jsonl": 1, "numina.jsonl": 1, "z.jsonl.zst": 6}
    assert report.problems.new == new.get(name, 3)


def test_a_file_without_a_readable_row_names_the_line_and_the_fault(ws: Workspace) -> None:
    with pytest.raises(SetupError, match=r"can be read: line 1 is not JSON \(Expecting property name .* at column 41\)"):
        import_problems(ws, ImportSpec(CASES / "trailing_line.jsonl", "p"), dry_run=True)


@pytest.mark.parametrize(
    ("name", "split"), [("holdout-00000-of-00001.jsonl", "holdout"), ("test.jsonl", "test"), ("a.jsonl", "train")]
)
def test_the_split_in_the_name_of_a_file_is_that_of_its_rows(
    ws: Workspace, jsonl: WriteLines, name: str, split: str
) -> None:
    report = import_problems(ws, ImportSpec(jsonl(*SUMS, name=name), "p"))
    assert {row["split"] for row in ws.segments.read("problems").to_pylist()} == {split}
    assert report.mapping.get("split") == (None if split == "train" else f"= '{split}'")


def test_the_account_names_the_use_of_every_column(ws: Workspace) -> None:
    report = import_rollouts(ws, ImportSpec(CASES / "openr1.jsonl", "r1"), dry_run=True)
    uses = {use.column: (use.use, use.filled, use.given) for use in report.uses}
    assert uses["problem"] == ("prompt", 4, "")
    assert uses["generations"] == ("answer", 4, "")
    assert uses["correctness_math_verify"] == ("kept in meta", 4, "each")
    assert uses["uuid"] == ("kept in meta", 4, "all")
    assert uses["correctness_llama"] == ("empty", 0, "")
    assert report.to_json()["uses"][0] == {"column": "problem", "use": "prompt", "filled": 4, "given": ""}
    logged = import_rollouts(ws, ImportSpec(CASES / "samples_gsm8k.jsonl", "l"), dry_run=True)
    assert {use.column for use in logged.uses if use.use == "read as part of lm-eval samples"} == {
        "target",
        "arguments",
        "resps",
        "filtered_resps",
        "filter",
        "metrics",
        "exact_match",
    }


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"question": "q", "answer": "1", "response": "a", "output": "b"}, "response and output could both be the text"),
        ({"question": "q", "answer": "1", "response": None, "output": "b"}, "response and output could both be the text"),
        ({"question": "q", "gold": "2", "answer": "1", "text": "a"}, "gold and answer could both be the reference"),
    ],
)
def test_two_columns_for_one_role_are_named(ws: Workspace, jsonl: WriteLines, row: dict[str, Any], error: str) -> None:
    path = jsonl(row)
    with pytest.raises(SetupError, match=f"line 1: {error}, and differ: say --map"):
        import_rollouts(ws, ImportSpec(path, "r"))
    chosen = {"reference": "answer"} if "gold" in row else {"text": "output"}
    assert import_rollouts(ws, ImportSpec(path, "r", chosen)).completions.new == 1


def test_equal_columns_and_a_worked_answer_compete_with_nothing(ws: Workspace, jsonl: WriteLines) -> None:
    row = {
        "question": "q",
        "answer": "so 1 + 1\n#### 2",
        "final_answer": "2",
        "solution": "1 + 1",
        "text": "2",
        "output": "2",
    }
    assert import_rollouts(ws, ImportSpec(jsonl(row), "r")).completions.new == 1


def test_a_row_with_an_id_that_the_set_lacks_is_found_by_its_prompt(sums: Workspace, jsonl: WriteLines) -> None:
    """NeMo-Skills numbers the problems of its own file."""
    row = {"id": "n-1", "problem": "What is 1+1?", "expected_answer": "2", "generation": "2", "predicted_answer": "2"}
    import_rollouts(sums, ImportSpec(jsonl(row), "r", problems="sums"))
    assert answers(sums) == {("2", None)}
