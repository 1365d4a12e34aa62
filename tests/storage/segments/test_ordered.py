"""Many rows in the order asked for: each id as often as it is named, whatever segment it is in; no file is left behind."""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Message
from rollmill.storage.segments import ordered
from rollmill.storage.segments import store as store_module
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.workspace import Workspace

ONE = Completion("c", "p", "toy", "m", "d", "curate", 0, 7, "one", "stop", messages=(Message("user", "x"),))
ROWS = [replace(ONE, id=f"c{number}", sample_index=number, text=f"text {number}") for number in range(60)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    with Workspace.init(tmp_path) as workspace:
        for start in range(0, 60, 7):
            workspace.segments.commit(SegmentKey("completions", "toy", "d", str(start)), ROWS[start : start + 7])
        yield workspace.segments


def test_rows_come_in_the_order_asked_for(store: SegmentStore) -> None:
    wanted = random.Random(1).sample([row.id for row in ROWS], 40)
    records = list(store.fetch_in_order("completions", wanted))
    assert [place for place, _ in records] == list(range(40))
    assert [record for _, record in records] == [ROWS[int(name[1:])] for name in wanted]


def test_unknown_ids_are_left_out_and_repeated_ones_repeated(store: SegmentStore) -> None:
    records = store.fetch_in_order("completions", ["c5", "nobody", "c1", "c5", "c59"])
    assert [(place, record.id) for place, record in records] == [(0, "c5"), (2, "c1"), (3, "c5"), (4, "c59")]
    assert list(store.fetch_in_order("completions", ["nobody"])) == []
    assert list(store.fetch_in_order("completions", [])) == []


def test_windows_and_reads_smaller_than_the_rows(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordered, "READ", 4)
    monkeypatch.setattr(ordered, "WINDOWS", 5)
    names = [row.id for row in ROWS]
    for window in (1, 3, 12, 59, 60, 61):
        wanted = random.Random(window).sample(names, 60)
        with store.connect() as connection:
            rows = list(ordered.in_order(connection, "completions", "SELECT * FROM completions", wanted, window=window))
        assert [(place, record.id) for place, record in rows] == list(enumerate(wanted))


@pytest.mark.parametrize("bound", [1, 2_000, 20_000])
def test_a_window_of_too_many_bytes_is_dealt_out_again(
    store: SegmentStore, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    long = [replace(row, id=f"long{number}", text="x" * 1_000) for number, row in enumerate(ROWS)]
    store.commit(SegmentKey("completions", "toy", "d", "long"), long)
    monkeypatch.setattr(ordered, "WINDOW_BYTES", bound)
    wanted = random.Random(bound).sample([row.id for row in [*ROWS, *long]], 120)
    with store.connect() as connection:
        tables = list(ordered.tables_in_order(connection, "SELECT * FROM completions", wanted))
    assert [name for table in tables for name in table["id"].to_pylist()] == wanted
    assert [place for table in tables for place in table["position"].to_pylist()] == list(range(120))
    assert all(table.nbytes <= 2 * bound or table.num_rows == 1 for table in tables)


def test_ids_may_be_looked_up_part_by_part(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOOK", 7)
    wanted = ["nobody", *random.Random(2).sample([row.id for row in ROWS], 50), "c1"]
    assert [wanted[place] for place, _ in store.fetch_in_order("completions", wanted)] == wanted[1:]
    assert store.present("completions", wanted) == set(wanted) - {"nobody"}


def test_a_row_stored_twice_comes_once(store: SegmentStore) -> None:
    store.commit(SegmentKey("completions", "toy", "d", "again"), [replace(ROWS[3], text="another"), ROWS[4]])
    records = [record for _, record in store.fetch_in_order("completions", ["c4", "c3"])]
    assert records == [ROWS[4], ROWS[3]]


def test_nothing_is_left_behind_when_the_reader_stops(
    store: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    rows = store.fetch_in_order("completions", [row.id for row in ROWS])
    assert next(rows) == (0, ROWS[0])
    assert [path for path in scratch.rglob("*") if path.is_file()] == []
