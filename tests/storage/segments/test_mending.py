"""Registered files whose statistics an earlier release damaged are written anew; no row changes, even by a kill."""

import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rollmill.flows.workspace.maintenance import examine
from rollmill.ground.records import Completion
from rollmill.storage.ledger.models import SegmentRow
from rollmill.storage.segments.checking import repair_segments
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.upkeep.rebuild import lines_of
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.storage.segments.damaged import ZEROS, bounds, damage

FIRST = [Completion(f"c{n}", "p", "toy", "m", "d", "curate", n, n, text, "stop") for n, text in enumerate([ZEROS, "1"])]
COUNT = f"SELECT count(*) FROM completions WHERE text = '{ZEROS}'"


def key(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def counted(workspace: Workspace) -> int:
    with workspace.segments.connect() as connection:
        row = connection.execute(COUNT).fetchone()
    assert row is not None
    return int(row[0])


def state(workspace: Workspace) -> list[tuple[object, ...]]:
    """What the ledger says of every segment but its id, and the smallest text of its file."""
    with workspace.ledger.read() as session:
        rows = session.scalars(select(SegmentRow).order_by(SegmentRow.seq)).all()
        store = workspace.segments
        return [
            (
                row.seq,
                row.rows,
                row.bytes,
                row.checksum,
                row.overlaps,
                bounds(Path(store.place.path(row.kind, row.id)))["text"],
            )
            for row in rows
        ]


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, list[tuple[object, ...]]]:
    """A workspace with two damaged files, and what the ledger would say had they been written well."""
    with Workspace.init(tmp_path) as workspace:
        workspace.segments.commit(key("a"), FIRST, run="run")
        # Its first row is there already: of the two texts the one registered first counts.
        workspace.segments.commit(key("b"), [replace(FIRST[1], text=ZEROS), replace(FIRST[0], id="c2")], run="run")
        workspace.segments.commit(key("c"), [replace(FIRST[0], id="c2", text="late"), replace(FIRST[1], id="c3")])
        before = state(workspace)
        assert [(row[0], row[4]) for row in before] == [(1, False), (2, True), (3, True)]
        for segment in workspace.segments.registry.segments("completions")[:2]:
            path = Path(workspace.segments.path(segment))
            damage(path)
            checksum = workspace.segments.place.digest("completions", segment.id)
            with workspace.ledger.write() as session:
                session.execute(update(SegmentRow).where(SegmentRow.id == segment.id).values(checksum=checksum))
    return tmp_path, before


def doctor(path: Path) -> list[str]:
    with Workspace.open(path) as workspace:
        return [found.detail for found in examine(workspace) if found.area == "segments"]


def test_doctor_writes_damaged_files_anew_and_every_reader_sees_them(
    damaged: tuple[Path, list[tuple[object, ...]]],
) -> None:
    path, before = damaged
    with Workspace.open(path) as reader:
        texts = {row.id: row.text for row in reader.segments.fetch("completions", ["c0", "c1", "c2", "c3"])}
        assert counted(reader) == 1  # two rows have that text
        assert [line.split(" written")[0] for line in doctor(path)[:2]] == [
            "the statistics of its 2 completions were damaged;",
            "the statistics of its 2 completions were damaged;",
        ]
        assert counted(reader) == 2  # a reader that listed the files before
        assert state(reader) == before
        after = {row.id: row.text for row in reader.segments.fetch("completions", ["c0", "c1", "c2", "c3"])}
        assert (after, after["c1"], after["c2"]) == (texts, "1", ZEROS)
        assert [batch.batch_id for batch in reader.runs.batches("run")] == ["a", "b"]
    assert len(doctor(path)) == 1  # nothing is left to mend


def mend_all(path: Path) -> None:
    with Workspace.open(path) as workspace:
        list(repair_segments(workspace.segments.registry, workspace.segments.place))


@pytest.mark.parametrize("turn", [2, 3, 4, 5, 8])
def test_killed_anywhere_nothing_is_lost_and_the_next_doctor_ends_it(
    damaged: tuple[Path, list[tuple[object, ...]]], turn: int
) -> None:
    path, before = damaged
    # Of each file: written, synced, renamed, and the two ends of its transaction.
    assert Forked(mend_all, path, point=f"*:{turn}").end()[0] == -signal.SIGKILL
    with Workspace.open(path) as workspace:
        assert {row.id for row in workspace.segments.fetch("completions", ["c0", "c1", "c2", "c3"])} == {
            "c0",
            "c1",
            "c2",
            "c3",
        }
        workspace.recover()
    mend_all(path)
    with Workspace.open(path) as workspace:
        assert (state(workspace), counted(workspace)) == (before, 2)
        workspace.recover()
        assert len(list(workspace.state.rglob("*.parquet"))) == 5  # three, and two that are kept for earlier readers


def test_a_rebuild_takes_damaged_files(damaged: tuple[Path, list[tuple[object, ...]]]) -> None:
    path, before = damaged
    for file in (path / ".rollmill").glob("ledger.sqlite*"):
        file.unlink()
    with Workspace.open(path) as workspace:
        done = workspace.rebuild()
        assert (done.files, done.rows) == (Counter(completions=3), Counter(completions=6))
        assert len([line for line in lines_of(done) if "its statistics were damaged; its rows are in" in line]) == 2
    with Workspace.open(path) as workspace:
        assert sorted(row[3] for row in state(workspace)) == sorted(row[3] for row in before)  # type: ignore[type-var]
        assert counted(workspace) == 2
        assert workspace.recover() == []
