"""Importing rollouts: of an imported problem set, or with their problems inside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Problem, imported_completion_id
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportCount, ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]
SUM = Problem("2+2?", "4", external_id="a")


@pytest.fixture
def sums(ws: Workspace, jsonl: WriteLines) -> Workspace:
    rows = [{"id": "a", "prompt": "2+2?", "answer": "4"}, {"id": "b", "prompt": "3+3?", "answer": "6"}]
    import_problems(ws, ImportSpec(jsonl(*rows, name="problems.jsonl"), "sums"))
    return ws


def completions(ws: Workspace) -> list[Completion]:
    rows: list[Completion] = from_table("completions", ws.segments.read("completions"))
    return rows


def test_a_rollout_is_stored_with_its_label_and_its_own_columns(sums: Workspace, jsonl: WriteLines) -> None:
    row = {
        "problem_id": "a",
        "model": "m",
        "sample_index": 3,
        "text": "It is 4.",
        "is_correct": True,
        "reward": 1.5,
        "finish_reason": "length",
        "completion_tokens": 9,
        "prompt": "2+2?",
    }
    report = import_rollouts(sums, ImportSpec(jsonl(row), "r", problems="sums"))
    assert (report.problems, report.completions) == (ImportCount(), ImportCount(new=1))
    assert completions(sums) == [
        Completion(
            id=imported_completion_id(SUM.id, "m", 3, "It is 4."),
            prompt_id=SUM.prompt_id,
            engine="imported",
            model="m",
            model_digest="label:m",
            stream="curate",
            sample_index=3,
            seed=None,
            text="It is 4.",
            finish_reason="length",
            tokens_out=9,
            meta={"import": "r", "is_correct": True, "problem_id": SUM.id, "reward": 1.5},
        )
    ]


def test_without_an_index_rollouts_are_numbered_by_problem_and_model(sums: Workspace, jsonl: WriteLines) -> None:
    names = [("a", "m"), ("a", "m"), ("b", "m"), ("a", "n"), ("a", "m")]
    path = jsonl(*({"problem_id": problem, "model": model, "text": str(n)} for n, (problem, model) in enumerate(names)))
    import_rollouts(sums, ImportSpec(path, "r", problems="sums"))
    assert [(completion.text, completion.sample_index) for completion in completions(sums)] == [
        ("0", 0),
        ("1", 1),
        ("2", 0),
        ("3", 0),
        ("4", 2),
    ]


def test_importing_twice_doubles_nothing_and_a_longer_file_adds_its_new_rows(sums: Workspace, jsonl: WriteLines) -> None:
    rows = [{"problem_id": "a", "model": "m", "text": f"answer {n}"} for n in range(5)]
    spec = ImportSpec(jsonl(*rows[:3]), "r", problems="sums", batch_rows=2)
    assert import_rollouts(sums, spec).completions == ImportCount(new=3)
    assert import_rollouts(sums, spec).completions == ImportCount(already=3)
    assert import_rollouts(sums, ImportSpec(jsonl(*rows), "r", problems="sums")).completions == ImportCount(
        new=2, already=3
    )
    assert len(completions(sums)) == 5


def test_the_same_rows_under_a_second_name_are_still_counted_once(sums: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"problem_id": "a", "model": "m", "text": "4"})
    for name in ("r", "s"):
        import_rollouts(sums, ImportSpec(path, name, problems="sums"))
    assert len(completions(sums)) == 1
    with sums.segments.connect() as connection:
        assert connection.sql("SELECT count(*) FROM completions").fetchall() == [(1,)]


def test_problems_are_found_by_prompt_where_no_id_is_given(sums: Workspace, jsonl: WriteLines) -> None:
    import_rollouts(sums, ImportSpec(jsonl({"question": "2+2?", "response": "4", "model": "m"}), "r", problems="sums"))
    assert completions(sums)[0].meta == {"import": "r", "problem_id": SUM.id}


def test_turns_make_the_text(sums: Workspace, jsonl: WriteLines) -> None:
    turns = [{"role": "code", "content": "2+2"}, {"role": "execution", "content": "4"}, {"role": "text", "content": "4"}]
    import_rollouts(sums, ImportSpec(jsonl({"problem_id": "a", "model": "m", "messages": turns}), "r", problems="sums"))
    (one,) = completions(sums)
    assert one.text == "```python\n2+2\n```\n\n```output\n4\n```\n\n4"
    assert one.messages == (
        Message("assistant", "2+2", "code"),
        Message("tool", "4", "execution"),
        Message("assistant", "4"),
    )


def test_rollouts_may_carry_their_problems(ws: Workspace, jsonl: WriteLines) -> None:
    rows: list[dict[str, Any]] = [
        {"problem_id": "a", "prompt": "2+2?", "reference": "4", "dataset": "sums", "model": "m", "text": str(n)}
        for n in range(3)
    ]
    report = import_rollouts(ws, ImportSpec(jsonl(*rows), "r", batch_rows=2))
    assert (report.problems, report.completions) == (ImportCount(new=1), ImportCount(new=3))
    assert from_table("problems", ws.segments.read("problems", producer="import:r")) == [
        Problem("2+2?", "4", source="sums", external_id="a")
    ]
    assert completions(ws)[0].meta == {"import": "r", "problem_id": SUM.id}
    assert import_rollouts(ws, ImportSpec(jsonl(*rows), "r")).problems == ImportCount(already=1)


def test_what_a_person_should_know_is_noted(sums: Workspace, jsonl: WriteLines) -> None:
    report = import_rollouts(sums, ImportSpec(jsonl({"problem_id": "a", "text": None}), "r", problems="sums"))
    assert report.notes == (
        "no column names the model: the label is 'unknown' (say --set model=NAME)",
        "1 rows without text are stored as empty completions",
    )


OK = {"problem_id": "a", "model": "m", "text": "4"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([OK, {**OK, "problem_id": "c"}], "the problem set 'sums' has no problem 'c' (line 2); nothing was stored."),
        ([OK, {**OK, "problem_id": None}], "line 2 names no problem; nothing was stored."),
        ([{"problem_id": "a", "answer": "4"}], "has no column for text. Columns found: problem_id, answer."),
        ([{"text": "4"}], "has no column for problem_id. Columns found: text."),
        (
            [{**OK, "sample_index": 0}, {**OK, "sample_index": 1}, {**OK, "sample_index": 0, "text": "5"}],
            "gives the same problem, model and sample index more than once: 'a/m/0' (line 1 and line 3); nothing",
        ),
        (
            [{**OK, "id": 7}, {**OK, "id": 7}],
            "gives the same id more than once: '7' (line 1 and line 2); nothing was stored.",
        ),
        (
            [{**OK, "sample_index": 0}, {**OK, "sample_index": "x"}],
            "line 2: 'x' is not a whole number; nothing was stored.",
        ),
        ([{**OK, "sample_index": 0}, OK], "line 2: the sample index is missing; nothing was stored."),
        ([{**OK, "sample_index": -1}], "line 1: -1 is negative, and counts are not; nothing was stored."),
        ([{**OK, "is_correct": "perhaps"}], "line 1: 'perhaps' is neither true nor false; nothing was stored."),
        ([{**OK, "messages": "[1"}], "line 1: messages are not JSON; nothing was stored."),
    ],
)
def test_a_mistake_is_named_and_stores_nothing(
    sums: Workspace, jsonl: WriteLines, rows: list[object], message: str
) -> None:
    with pytest.raises(SetupError) as caught:
        import_rollouts(sums, ImportSpec(jsonl(*rows), "r", problems="sums", batch_rows=1))
    assert message in str(caught.value)
    assert completions(sums) == []


def test_a_problem_set_that_is_not_there_is_named(ws: Workspace, jsonl: WriteLines) -> None:
    with pytest.raises(SetupError, match="there are no problems called 'sums' in this workspace"):
        import_rollouts(ws, ImportSpec(jsonl(OK), "r", problems="sums"))
    with pytest.raises(SetupError, match="does not carry its problems"):
        import_rollouts(ws, ImportSpec(jsonl(OK), "r"))


def test_one_id_for_two_problems_is_refused(ws: Workspace, jsonl: WriteLines) -> None:
    row = {**OK, "prompt": "2+2?", "reference": "4"}
    with pytest.raises(SetupError, match=r"several problems under one id: 'a' \(line 2, differs from line 1\); nothing"):
        import_rollouts(ws, ImportSpec(jsonl(row, {**row, "reference": "5"}), "r"))
    assert ws.segments.read("problems").num_rows == 0


def test_other_rollouts_at_known_indices_are_refused(sums: Workspace, jsonl: WriteLines) -> None:
    import_rollouts(sums, ImportSpec(jsonl(OK), "r", problems="sums"))
    with pytest.raises(
        SetupError, match="already holds other rollouts at the same problem, model and sample index as line 1"
    ):
        import_rollouts(sums, ImportSpec(jsonl({**OK, "text": "5"}), "r", problems="sums"))


def test_a_column_that_only_late_lines_have_is_read(sums: Workspace, jsonl: WriteLines) -> None:
    rows: list[dict[str, Any]] = [{"problem_id": "a", "model": "m", "text": f"It is {number}."} for number in range(300)]
    turns = [{"role": "text", "content": "I add."}, {"role": "text", "content": "It is 4."}]
    report = import_rollouts(
        sums, ImportSpec(jsonl(*rows, {"problem_id": "b", "model": "m", "messages": turns}), "r", problems="sums")
    )
    assert report.mapping["messages"] == "messages"
    late = [record for record in completions(sums) if record.messages]
    assert [(record.text, len(record.messages or ())) for record in late] == [("I add.\n\nIt is 4.", 2)]


def test_an_import_answers_one_problem_set(sums: Workspace, jsonl: WriteLines) -> None:
    import_rollouts(sums, ImportSpec(jsonl(OK), "r", problems="sums"))
    path = jsonl({**OK, "prompt": "2+2?", "reference": "4"})
    with pytest.raises(SetupError, match=r"holds rollouts of the problem set 'sums', not of 'r': .* nothing was stored"):
        import_rollouts(sums, ImportSpec(path, "r"))
    import_rollouts(sums, ImportSpec(path, "r-2"))
    assert [(record.name, record.kind, record.of, record.completions) for record in sums.imports.list()] == [
        ("sums", "problems", None, 0),
        ("r", "rollouts", "sums", 1),
        ("r-2", "rollouts", "r-2", 1),
    ]
