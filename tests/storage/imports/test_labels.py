"""Labels belong to an import: other labels of a text are rows of their own, and an update keeps the old ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.records import Problem
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.removal import contents_of, plan_removal
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportReport, ImportSpec
from rollmill.storage.imports.stored import ModelCount, current_rows, imported_rows, model_counts
from rollmill.storage.segments.schema import from_table
from rollmill.storage.segments.upkeep.compaction import compact
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]
SUM = Problem("2+2?", "4", external_id="a")


@pytest.fixture
def sums(ws: Workspace, jsonl: WriteLines) -> Workspace:
    import_problems(ws, ImportSpec(jsonl({"id": "a", "prompt": "2+2?", "answer": "4"}, name="problems.jsonl"), "sums"))
    return ws


@pytest.fixture
def bring(sums: Workspace, jsonl: WriteLines) -> Callable[..., ImportReport]:
    def run(name: str, *labels: dict[str, Any], update: bool = False, dry_run: bool = False) -> ImportReport:
        rows = [{"problem_id": "a", "model": "m", "text": f"It is {place}."} | said for place, said in enumerate(labels)]
        spec = ImportSpec(jsonl(*rows, name=f"{name}.jsonl"), name, problems="sums", update=update)
        return import_rollouts(sums, spec, dry_run=dry_run)

    return run


def read(ws: Workspace, *names: str) -> list[tuple[str, Any, Any, Any]]:
    """(text, is_correct, reward, finish reason) of the rows that a run of these imports plans."""
    ids = imported_rows(ws, names, [SUM])["completion_id"].to_pylist()
    rows = from_table("completions", ws.segments.read("completions"))
    chosen = sorted((row for row in rows if row.id in ids), key=lambda row: row.text)
    return [(row.text, row.meta.get("is_correct"), row.meta.get("reward"), row.finish_reason) for row in chosen]


def test_a_second_import_with_other_labels_has_its_own(sums: Workspace, bring: Callable[..., ImportReport]) -> None:
    bring("plain", {}, {})
    report = bring("judged", {"is_correct": True, "reward": 1.5, "finish_reason": "stop"}, {})
    assert report.completions.new == 2
    assert read(sums, "plain") == [("It is 0.", None, None, "imported"), ("It is 1.", None, None, "imported")]
    assert read(sums, "judged") == [("It is 0.", True, 1.5, "stop"), ("It is 1.", None, None, "imported")]
    # The same answers in two imports are drawn once, with the labels of the import that is named first.
    assert read(sums, "judged", "plain") == read(sums, "judged") == read(sums)
    assert read(sums, "plain", "judged") == read(sums, "plain")
    counts = model_counts(sums.segments, ["judged", "plain"], {SUM.prompt_id})
    assert counts == [ModelCount("judged", "m", 2, 1)]


def test_equal_labels_are_one_row_in_both_imports(sums: Workspace, bring: Callable[..., ImportReport]) -> None:
    bring("one", {"is_correct": True})
    bring("two", {"is_correct": True})
    assert imported_rows(sums, ["one"], [SUM]) == imported_rows(sums, ["two"], [SUM])


def test_changed_labels_are_told_and_taken_only_by_an_update(sums: Workspace, bring: Callable[..., ImportReport]) -> None:
    bring("r", {"is_correct": True}, {"is_correct": True})
    report = bring("r", {"is_correct": False}, {"is_correct": True})
    assert (report.completions.new, report.completions.already) == (0, 2)
    assert report.notes[-1] == (
        "1 stored answers have other labels in the file (is_correct), which stay unchanged (--update takes the new)"
    )
    assert read(sums, "r")[0] == ("It is 0.", True, None, "imported")

    old = set(imported_rows(sums, ["r"], [SUM])["completion_id"].to_pylist())
    assert bring("r", {"is_correct": False}, {"is_correct": True}, update=True, dry_run=True).completions.new == 1
    assert read(sums, "r")[0] == ("It is 0.", True, None, "imported")
    report = bring("r", {"is_correct": False}, {"is_correct": True}, update=True)
    assert (report.completions.new, report.completions.already) == (1, 1)
    assert "which were updated; the old ones stay stored" in report.notes[-1]
    assert read(sums, "r") == [("It is 0.", False, None, "imported"), ("It is 1.", True, None, "imported")]
    assert old <= sums.segments.present("completions", sorted(old))  # a run that took them reads them as they were
    assert contents_of(sums, "r").rollouts == 2
    assert plan_removal(sums, "r").shared == 0
    compact(sums.segments, "completions")
    assert read(sums, "r") == [("It is 0.", False, None, "imported"), ("It is 1.", True, None, "imported")]

    assert bring("r", {"is_correct": False}, {"is_correct": True}, update=True).completions.new == 0
    assert bring("r", {"is_correct": True}, {"is_correct": True}, update=True).completions.new == 1  # and back
    assert read(sums, "r")[0] == ("It is 0.", True, None, "imported")
    with sums.segments.connection() as connection:
        [(rows,)] = connection.execute(f"SELECT count(*) FROM ({current_rows(sums.segments, 'r')})").fetchall()
    assert rows == 2
