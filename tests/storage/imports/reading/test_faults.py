"""Every fault is told by a dry run, and bad rows are set aside when asked; otherwise the first one ends an import."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportCount, ImportReport, ImportSpec
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]
GOOD: list[dict[str, Any]] = [{"id": str(place), "prompt": f"{place}+1?", "answer": str(place + 1)} for place in range(30)]


def texts(ws: Workspace) -> list[str]:
    return sorted(ws.segments.read("completions").column("text").to_pylist())


def mixed(folder: Path) -> Path:
    """Thirty good rows, 25 without a reference, one that is no JSON, one that repeats an id."""
    path = folder / "mixed.jsonl"
    bad = [{"id": f"b{place}", "prompt": f"{place}?", "answer": None} for place in range(25)]
    again = {"id": "3", "prompt": "another", "answer": "1"}
    lines = [json.dumps(row) for row in [*GOOD, *bad]]
    path.write_text("\n".join([*lines, '{"prompt": }', json.dumps(again)]) + "\n")
    return path


def told(report: ImportReport) -> list[tuple[str, int, int, str]]:
    return [(kind.reason, kind.count, len(kind.places), kind.places[0]) for kind in report.faults]


FAULTS = [
    ("there is no reference answer (and no tests)", 25, 20, "line 31"),
    ("is not JSON (Expecting value at column 12)", 1, 1, "line 56"),
    ("it gives the same id as line 4: '3'", 1, 1, "line 57"),
]


def test_a_dry_run_lists_every_fault_by_kind(ws: Workspace, tmp_path: Path) -> None:
    report = import_problems(ws, ImportSpec(mixed(tmp_path), "p"), dry_run=True)
    assert told(report) == FAULTS
    assert (report.problems.new, report.rows, report.set_aside) == (30, 30, 0)
    assert ws.segments.registry.segments("problems") == []


def test_the_first_fault_ends_an_import(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"line 56 is not JSON \(Expecting value at column 12\); nothing was stored\."):
        import_problems(ws, ImportSpec(mixed(tmp_path), "p"))
    assert ws.segments.registry.segments("problems") == []


def test_bad_rows_are_set_aside_with_their_reasons(ws: Workspace, tmp_path: Path) -> None:
    aside = tmp_path / "aside.jsonl"
    report = import_problems(ws, ImportSpec(mixed(tmp_path), "p", set_aside=aside))
    assert (report.problems.new, report.set_aside, told(report)) == (30, 27, FAULTS)
    rows = [json.loads(line) for line in aside.read_text().splitlines()]
    assert [row["place"] for row in rows] == [f"line {place}" for place in range(31, 58)]
    assert rows[0]["reason"] == "there is no reference answer (and no tests)"
    assert rows[0]["row"] == {"id": "b0", "prompt": "0?", "answer": None}
    assert rows[25]["row"] == {"text": '{"prompt": }\n'}
    again = import_problems(ws, ImportSpec(mixed(tmp_path), "p", set_aside=aside))
    assert (again.problems.new, again.problems.already) == (0, 30)


def test_rows_are_not_set_aside_over_what_is_imported(ws: Workspace, tmp_path: Path) -> None:
    path = mixed(tmp_path)
    before = path.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(path)
    for aside in (path, tmp_path / "link.jsonl", tmp_path / "x" / ".." / path.name):
        with pytest.raises(SetupError, match="would be overwritten"):
            import_problems(ws, ImportSpec(path, "p", set_aside=aside))
    with pytest.raises(SetupError, match="would be overwritten"):
        ImportSpec(tmp_path, "p", set_aside=tmp_path / "aside.jsonl")  # a folder of files, of which it would be one more
    for folder in (tmp_path, Path(), Path("/")):
        with pytest.raises(SetupError, match="is a folder"):
            ImportSpec(path, "p", set_aside=folder)
    assert path.read_bytes() == before


def test_rollouts_are_set_aside_and_the_others_numbered_anew(ws: Workspace, jsonl: WriteLines, tmp_path: Path) -> None:
    import_problems(ws, ImportSpec(jsonl(*GOOD, name="problems.jsonl"), "p"))
    rows = [
        {"problem_id": "1", "model": "m", "text": ["a", "b"], "reward": [1.0]},
        {"problem_id": "1", "model": "m", "text": ["c", "d"], "reward": [1.0, 0.0]},
        {"problem_id": "99", "model": "m", "text": "e"},
        {"model": "m", "text": "f"},
    ]
    spec = ImportSpec(jsonl(*rows), "r", problems="p", set_aside=tmp_path / "aside.jsonl")
    report = import_rollouts(ws, spec)
    assert (texts(ws), report.set_aside, report.completions.new) == (["c", "d"], 3, 2)
    assert sorted(ws.segments.read("completions").column("sample_index").to_pylist()) == [0, 1]
    reasons = [json.loads(line)["reason"] for line in (tmp_path / "aside.jsonl").read_text().splitlines()]
    assert reasons == [
        "text holds 2 answers and reward 1 values (--whole reward: it is of the whole row)",
        "the problem set 'p' has no problem '99'",
        "names no problem",
    ]


def test_the_dry_run_of_rollouts_shows_what_is_answered(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl(*GOOD, name="problems.jsonl"), "p"))
    path = jsonl({"problem": "1", "model": "m", "text": "2"})
    report = import_rollouts(ws, ImportSpec(path, "r", problems="p"), dry_run=True)
    assert [(row["prompt"], row["reference"], row["text"]) for row in report.samples] == [("1+1?", "2", "2")]
    # Ids of problems are found in a column that is called `problem`.
    assert report.notes[0] == "1 rows name their problem by its id in the column 'problem'"


def test_missing_text_is_one_thing_however_it_is_missing(ws: Workspace, jsonl: WriteLines) -> None:
    import_problems(ws, ImportSpec(jsonl(*GOOD, name="problems.jsonl"), "p"))
    rows: list[dict[str, Any]] = [
        {"problem_id": "1", "responses": [None, "", "x"]},
        {"problem_id": "2", "responses": None},
        {"problem_id": "3", "responses": [{"role": "user", "content": "3+1?"}, {"role": "assistant", "content": None}]},
    ]
    report = import_rollouts(ws, ImportSpec(jsonl(*rows), "r", problems="p"))
    assert texts(ws) == ["", "", "", "", "x"]
    assert "4 rows without text are stored as empty completions" in report.notes


@pytest.mark.parametrize("content", [None, "", " \n", []])
def test_a_conversation_without_a_word_of_the_user_is_no_prompt(ws: Workspace, jsonl: WriteLines, content: Any) -> None:
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]
    with pytest.raises(SetupError, match="line 1: there is no prompt"):
        import_problems(ws, ImportSpec(jsonl({"prompt": turns, "reference": "3"}), "p"))


def test_rows_without_a_reference_are_told_and_left_out(ws: Workspace, jsonl: WriteLines) -> None:
    said = ["N/A", "-", "?", "?", "7", "proof", r"\text{Proof}", "notfound", "$\\text{None}$", "See solution."]
    rows = [{"prompt": f"{place}?", "answer": answer} for place, answer in enumerate(said)]
    report = import_problems(ws, ImportSpec(jsonl(*rows), "p"))
    assert report.problems == ImportCount(new=1)
    assert report.notes == (
        "9 rows have no reference, and were left out: '?' 2, 'N/A' 1, '-' 1, 'proof' 1, '\\\\text{Proof}' 1 and 3 more",
    )
    with pytest.raises(SetupError, match=r"no row of .*s.jsonl is a problem with a reference: 1 rows have no reference"):
        import_problems(ws, ImportSpec(jsonl({"prompt": "x", "answer": "proof"}), "q"))


@pytest.mark.parametrize("others", [["5"], ["5", "4 "]])
def test_a_prompt_with_several_references_is_a_fault_of_all_its_rows(
    ws: Workspace, jsonl: WriteLines, tmp_path: Path, others: list[str]
) -> None:
    prompts = ["How many primes below 10?", *["How many primes  below 10?"] * len(others), "1+1?", " 1+1? "]
    rows = [
        {"question": prompt, "answer": answer} for prompt, answer in zip(prompts, ["4", *others, "2", "2"], strict=True)
    ]
    path = jsonl(*rows)
    with pytest.raises(SetupError, match=r"several references: '4' \(line 1\) and '5' \(line 2\); nothing was stored"):
        import_problems(ws, ImportSpec(path, "p"))
    report = import_problems(ws, ImportSpec(path, "p", set_aside=tmp_path / "aside.jsonl"))
    assert (report.problems.new, report.set_aside) == (2, 1 + len(others))
    assert report.faults[0].reason == "its prompt has the reference '4' here and '5' in line 2"
    texts = [{**row, "text": "The answer is 4.", "model": "a"} for row in rows]
    with pytest.raises(SetupError, match=r"several references: '4' \(line 1\) and '5' \(line 2\)"):
        import_rollouts(ws, ImportSpec(jsonl(*texts, name="r.jsonl"), "r"))


def test_rows_that_cannot_be_set_aside_store_nothing(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot write .*aside.jsonl: No such file or directory; nothing was stored"):
        import_problems(ws, ImportSpec(mixed(tmp_path), "p", set_aside=tmp_path / "missing" / "aside.jsonl"))
    assert ws.segments.registry.segments("problems") == []
