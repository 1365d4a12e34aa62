"""An import that is killed, interrupted or out of disk is no import: nothing of it is read, and nothing of it stays."""

import os
import resource
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportCount, ImportSpec
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.writing import Bulk
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.storage.imports.reading.in_fours import import_in_fours

pytestmark = pytest.mark.integration

WriteLines = Callable[..., Path]
KILLED = (-signal.SIGKILL, "")


def rows(count: int, length: int = 1) -> list[dict[str, Any]]:
    return [
        {"problem_id": f"p{n // 2}", "prompt": f"{n // 2}+1?", "reference": "1", "model": "m", "text": f"{n:0{length}}"}
        for n in range(count)
    ]


def held(ws: Workspace) -> tuple[int, int, int, int]:
    """Problems, completions, records of imports, segment files."""
    with closing(ws.segments.connect()) as connection:
        query = "SELECT (SELECT count(*) FROM problems), (SELECT count(*) FROM completions)"
        [(problems, completions)] = connection.sql(query).fetchall()
    return problems, completions, len(ws.imports.list()), len(list(ws.state.rglob("*.parquet")))


@pytest.mark.parametrize(
    ("failpoint", "files"),
    [("segment.temp_written:1", 1), ("segment.renamed:4", 4), ("ledger.written:1", 5)],
)
def test_a_killed_import_is_no_import_and_its_files_are_swept(
    ws: Workspace, jsonl: WriteLines, failpoint: str, files: int
) -> None:
    path = jsonl(*rows(10))
    assert ws.imports.list() == []  # makes the ledger
    assert Forked(import_in_fours, ws.root, path, point=failpoint).end() == KILLED
    assert held(ws) == (0, 0, 0, files)
    assert ws.recover() == []
    assert held(ws) == (0, 0, 0, 0)
    report = import_rollouts(ws, ImportSpec(path, "r", batch_rows=4))
    assert (report.problems, report.completions) == (ImportCount(new=5), ImportCount(new=10))
    assert held(ws) == (5, 10, 1, 5)


def test_an_import_killed_after_its_registration_is_whole(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl(*rows(10))
    assert Forked(import_in_fours, ws.root, path, point="segment.registered:1").end() == KILLED
    assert held(ws) == (5, 10, 1, 5)
    report = import_rollouts(ws, ImportSpec(path, "r", batch_rows=4))
    assert (report.problems, report.completions) == (ImportCount(already=5), ImportCount(already=10))


def test_an_interrupted_import_removes_what_it_wrote(
    ws: Workspace, jsonl: WriteLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[SegmentKey] = []
    write = Bulk.write

    def interrupted(bulk: Bulk, key: SegmentKey, records: Any) -> None:
        write(bulk, key, records)
        written.append(key)
        if len(written) == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Bulk, "write", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # another test of this process may have left its own
    try:
        with pytest.raises(KeyboardInterrupt):
            import_rollouts(ws, ImportSpec(jsonl(*rows(10)), "r", batch_rows=4))
    finally:
        signal.signal(signal.SIGINT, before)
    assert held(ws) == (0, 0, 0, 0)


def test_a_limit_of_file_sizes_leaves_nothing_of_the_import_and_says_so(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl(*rows(8), *({**row, "text": os.urandom(4_000).hex(), "problem_id": "q"} for row in rows(4)))
    spec = ImportSpec(path, "r", problems="sums", batch_rows=4)
    problems = [{"id": f"p{n}", "prompt": f"{n}+1?", "reference": "1"} for n in range(4)]
    import_problems(ws, ImportSpec(jsonl(*problems, {"id": "q", "prompt": "q", "reference": "1"}, name="p.jsonl"), "sums"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))  # a file of long texts grows beyond it
    try:
        with pytest.raises(SetupError, match=r"would grow beyond .* 12,000\)\. Nothing of .*rows\.jsonl was"):
            import_rollouts(ws, spec)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert held(ws) == (5, 0, 1, 1)
    assert import_rollouts(ws, spec).completions == ImportCount(new=12)


def test_a_second_import_under_the_name_meanwhile_is_noticed(
    ws: Workspace, jsonl: WriteLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ImportSpec(jsonl({**rows(1)[0], "text": "another"}, name="other.jsonl"), "r")
    register = Bulk.register

    def overtaken(bulk: Bulk, also: Any = None) -> Any:
        monkeypatch.setattr(Bulk, "register", register)
        with Workspace.open(ws.root) as second:
            import_rollouts(second, other)
        return register(bulk, also)

    monkeypatch.setattr(Bulk, "register", overtaken)
    with pytest.raises(SetupError, match=r"another command changed the imports called 'r' meanwhile\. Nothing of .*rows"):
        import_rollouts(ws, ImportSpec(jsonl(*rows(4)), "r"))
    assert held(ws) == (1, 1, 1, 2)


def test_a_file_that_changes_while_it_is_stored_is_no_import(
    ws: Workspace, jsonl: WriteLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = jsonl(*rows(10))
    write = Bulk.write

    def changing(bulk: Bulk, key: SegmentKey, records: Any) -> None:
        write(bulk, key, records)
        path.write_text(path.read_text() + "\n")

    monkeypatch.setattr(Bulk, "write", changing)
    with pytest.raises(SetupError, match="changed while it was read; nothing was stored"):
        import_rollouts(ws, ImportSpec(path, "r", batch_rows=4))
    assert held(ws) == (0, 0, 0, 0)
