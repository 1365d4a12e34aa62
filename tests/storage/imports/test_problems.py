"""Importing problems: what is stored, what a second import adds, and that a mistake stores nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message, Problem
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.spec import ImportCount, ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]


def stored(ws: Workspace, name: str) -> list[Problem]:
    return from_table("problems", ws.segments.read("problems", producer=f"import:{name}"))


def test_columns_become_fields_and_the_rest_is_kept(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl(
        {"id": "a-1", "question": "2+2?", "answer": 4, "level": "Level 2", "type": "sums", "note": "n", "gap": None}
    )
    report = import_problems(ws, ImportSpec(path, "sums", constants={"licence": "MIT", "split": "test"}))
    assert report.problems == ImportCount(new=1)
    assert stored(ws, "sums") == [
        Problem(
            "2+2?",
            "4",
            source="import:sums",
            licence="MIT",
            split="test",
            level=2,
            skill="sums",
            meta={"note": "n"},
            external_id="a-1",
        )
    ]


def test_importing_twice_doubles_nothing_and_a_longer_file_adds_its_new_rows(ws: Workspace, jsonl: WriteLines) -> None:
    rows = [{"id": n, "prompt": f"{n}+1?", "reference": n + 1} for n in range(5)]
    spec = ImportSpec(jsonl(*rows[:3]), "sums", batch_rows=2)
    assert import_problems(ws, spec).problems == ImportCount(new=3)
    assert import_problems(ws, spec).problems == ImportCount(already=3)
    assert import_problems(ws, ImportSpec(jsonl(*rows), "sums")).problems == ImportCount(new=2, already=3)
    assert [problem.external_id for problem in stored(ws, "sums")] == ["0", "1", "2", "3", "4"]


def test_the_same_problem_under_two_ids_is_stored_once_and_found_by_both(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"id": "a", "prompt": "2+2?", "answer": "4"}, {"id": "b", "prompt": "2+2?", "answer": "4"})
    report = import_problems(ws, ImportSpec(path, "sums"))
    assert report.problems == ImportCount(new=1)
    assert report.notes == ("1 rows repeat an earlier problem and are stored once: line 2 repeats line 1",)
    assert stored(ws, "sums")[0].meta == {"external_ids": ["b"]}


def test_problems_with_tests_are_code_and_need_no_reference(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(
        ws, ImportSpec(jsonl({"text": "Write f.", "test_list": ["assert f(1) == 1", "assert f(2) == 2"]}), "mbpp")
    )
    assert stored(ws, "mbpp") == [
        Problem("Write f.", "", kind="code", tests=("assert f(1) == 1", "assert f(2) == 2"), source="import:mbpp")
    ]


def test_answers_are_cut_out_of_solutions_which_are_kept(ws: Workspace, jsonl: WriteLines) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"question": "q", "answer": "9*2=18\n#### 18"}), "gsm"))
    assert report.notes == ("1 references are the text after ####; the whole cell is kept as meta.solution",)
    assert stored(ws, "gsm")[0].reference == "18"
    assert stored(ws, "gsm")[0].meta == {"solution": "9*2=18\n#### 18"}


def test_a_prompt_may_be_a_conversation(ws: Workspace, jsonl: WriteLines) -> None:
    row = {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "2+2?"}], "answer": "4"}
    import_problems(ws, ImportSpec(jsonl(row), "chat"))
    assert stored(ws, "chat")[0].prompt == (Message("system", "s"), Message("user", "2+2?"))


def test_lone_surrogates_are_replaced_and_counted(ws: Workspace, jsonl: WriteLines) -> None:
    report = import_problems(ws, ImportSpec(jsonl({"prompt": "2\ud800+2?", "answer": "4"}), "sums"))
    assert report.notes == ("1 lone surrogates in 1 rows were replaced by U+FFFD",)
    assert stored(ws, "sums")[0].prompt == "2\ufffd+2?"


def test_a_dry_run_shows_the_mapping_and_stores_nothing(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl(*({"id": n, "question": "q" * 300 + str(n), "answer": n} for n in range(5)))
    report = import_problems(ws, ImportSpec(path, "sums"), dry_run=True)
    assert report.problems == ImportCount(new=5)
    assert report.mapping == {"prompt": "question", "reference": "answer", "external_id": "id"}
    assert [shown["external_id"] for shown in report.samples] == ["0", "1", "2"]
    assert report.samples[0]["prompt"] == "q" * 159 + "…"
    assert stored(ws, "sums") == []


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"q": "x"}], "has no column for prompt. Columns found: q."),
        ([{"prompt": "x"}], "has no column for reference. Columns found: prompt."),
        (
            [{"prompt": "x", "answer": "1"}, {"prompt": " ", "answer": "1"}],
            "line 2: there is no prompt; nothing was stored.",
        ),
        ([{"prompt": "x", "answer": "1"}, {"prompt": "y"}], "line 2: there is no reference answer (and no tests); nothing"),
        ([{"prompt": "x", "answer": float("nan")}], "line 1: there is no reference answer (and no tests); nothing"),
        ([{"prompt": "x", "answer": " "}], "line 1: the reference answer is empty; nothing"),
        ([{"prompt": "x", "answer": "so: ####"}], "line 1: the reference answer is empty; nothing"),
        (
            [{"id": key, "prompt": f"p{n}", "answer": "1"} for n, key in enumerate("abab")],
            "gives the same id more than once: 'a' (line 1 and line 3), 'b' (line 2 and line 4); nothing was stored.",
        ),
    ],
)
def test_a_mistake_is_named_and_stores_nothing(ws: Workspace, jsonl: WriteLines, rows: list[object], message: str) -> None:
    with pytest.raises(SetupError) as caught:
        import_problems(ws, ImportSpec(jsonl(*rows), "sums", batch_rows=1))
    assert message in str(caught.value)
    assert ws.segments.read("problems").num_rows == 0


def test_a_half_written_file_stores_none_of_its_whole_lines(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl(*({"prompt": f"p{n}", "answer": n} for n in range(20)))
    path.write_text(path.read_text()[:-4])
    with pytest.raises(SetupError, match="line 20 is cut off"):
        import_problems(ws, ImportSpec(path, "sums", batch_rows=2))
    assert ws.segments.read("problems").num_rows == 0


def test_another_problem_under_a_known_id_is_refused(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl({"id": "a", "prompt": "2+2?", "answer": "5"}), "sums"))
    repaired = jsonl({"id": "a", "prompt": "2+2?", "answer": "4"})
    with pytest.raises(
        SetupError, match=r"already holds other problems under the ids 'a' \(line 1\); nothing was stored\."
    ):
        import_problems(ws, ImportSpec(repaired, "sums"))
    assert import_problems(ws, ImportSpec(repaired, "sums-2")).problems == ImportCount(new=1)


def test_a_file_that_changes_while_it_is_read_is_refused(
    ws: Workspace, jsonl: WriteLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rollmill.storage.imports import problems

    path = jsonl({"prompt": "p", "answer": 1})
    spec, survey = ImportSpec(path, "sums"), problems._survey

    def slow(*arguments: object) -> object:
        surveyed = survey(*arguments)  # type: ignore[arg-type]
        path.write_text(path.read_text() + '{"prompt": "q", "answer": 2}\n')
        return surveyed

    monkeypatch.setattr(problems, "_survey", slow)
    with pytest.raises(SetupError, match="changed while it was read; nothing was stored"):
        import_problems(ws, spec)


@pytest.mark.parametrize("name", ["", "a b", "../x", "a" * 65, "-x"])
def test_names_that_cannot_name_an_import(name: str) -> None:
    with pytest.raises(SetupError, match="cannot name an import"):
        ImportSpec(Path("x.jsonl"), name)
