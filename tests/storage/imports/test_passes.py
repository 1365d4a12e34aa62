"""How often an import of rollouts reads its file, and that what it stores does not depend on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportCount, ImportSpec
from rollmill.storage.workspace import Workspace

ROWS = [
    {"prompt": f"{n // 2}+1?", "reference": "1", "model": "m", "text": f"It is {n}.", "is_correct": n % 2 == 0, "shard": n}
    for n in range(1_000)
]


class Read:
    """Rows for an import, counted as they are read."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows, self.count = rows, 0

    def __call__(self) -> Iterator[FileRow]:
        for number, values in enumerate(self.rows, start=1):
            self.count += 1
            yield FileRow(f"line {number}", dict(values))


def spec(read: Read, file: Path, name: str = "r", **options: Any) -> ImportSpec:
    return ImportSpec(file, name, rows=read, **options)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "log.bin"
    path.touch()
    return path


def test_a_file_is_read_once_behind_its_first_rows(ws: Workspace, file: Path) -> None:
    read = Read(ROWS)
    report = import_rollouts(ws, spec(read, file))
    assert report.completions == ImportCount(new=1_000)
    assert read.count == 1_200
    ids = ws.segments.read("completions")["id"]
    assert len(ids.unique()) == 1_000
    # Those of every earlier version.
    assert pc.min(ids).as_py() == "00213d55d0a0e68c40c1ef247f2cfaf9"
    assert pc.max(ids).as_py() == "ffc3f10c63a377d42797c15d7fcc1731"


def test_a_column_of_later_rows_is_mapped_as_if_it_were_in_the_first(ws: Workspace, file: Path) -> None:
    rows = [*ROWS[:600], *({**row, "finish_reason": "length"} for row in ROWS[600:])]
    report = import_rollouts(ws, spec(Read(rows), file))
    assert report.mapping["finish_reason"] == "finish_reason"
    stored = ws.segments.read("completions")["finish_reason"].value_counts().to_pylist()
    assert {row["values"]: row["counts"] for row in stored} == {"imported": 600, "length": 400}


def test_a_mistake_in_a_column_of_later_rows_stores_nothing(ws: Workspace, file: Path) -> None:
    rows = [*ROWS[:300], {**ROWS[300], "tokens_out": -3}]
    with pytest.raises(SetupError, match="line 301: -3 is negative, and counts are not; nothing was stored"):
        import_rollouts(ws, spec(Read(rows), file))
    assert list(ws.state.rglob("*.parquet")) == []


def test_answers_that_another_import_labels_otherwise_are_told_apart(ws: Workspace, file: Path) -> None:
    import_rollouts(ws, spec(Read(ROWS), file))
    same = Read(ROWS)
    import_rollouts(ws, spec(same, file, "same"))
    assert same.count == 2_200  # its answers are stored, so their labels are compared
    other = [{**row, "is_correct": False} for row in ROWS[:500]] + ROWS[500:]
    import_rollouts(ws, spec(Read(other), file, "other"))
    # Of 500 answers 250 were right in the first import.
    assert len(ws.segments.read("completions")["id"].unique()) == 1_250


def test_rows_with_a_fault_number_the_others_anew(ws: Workspace, file: Path, tmp_path: Path) -> None:
    rows = [dict(ROWS[0], text=text) for text in ("a", "b", "c")]
    rows[1] = {**rows[1], "is_correct": "perhaps"}
    read: Callable[[], Any] = Read(rows)
    import_rollouts(ws, ImportSpec(file, "r", rows=read, set_aside=tmp_path / "aside.jsonl"))
    stored = ws.segments.read("completions").select(["text", "sample_index"]).to_pylist()
    assert sorted((row["text"], row["sample_index"]) for row in stored) == [("a", 0), ("c", 1)]
