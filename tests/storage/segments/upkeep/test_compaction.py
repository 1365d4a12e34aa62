"""Compaction changes files, never the rows a reader sees."""

from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, PlanRow, Problem
from rollmill.storage.segments.checking import GRACE_SECONDS, sweep
from rollmill.storage.segments.keys import CompactReport, SegmentKey
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.segments.upkeep.compaction import _merge, compact
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.integration

TOY = Completion("c", "p", "toy", "m", "d", "curate", 0, 7, "", "stop")


def key(batch: str, producer: str = "toy") -> SegmentKey:
    return SegmentKey("completions", producer, "d", batch)


def rows(store: SegmentStore) -> list[tuple[str, str]]:
    table = store.read("completions").select(["id", "text"]).to_pydict()
    return sorted(zip(table["id"], table["text"], strict=True))


def fill(store: SegmentStore) -> None:
    for batch in range(6):
        records = [replace(TOY, id=f"{batch}-{index}", text=f"text {batch} {index}") for index in range(10)]
        store.commit(key(str(batch)), records, run="run")
    store.commit(key("x", "other"), [replace(TOY, id="other", engine="other")])


def test_small_files_of_one_producer_become_one_and_every_batch_stays_known(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        fill(store)
        before = rows(store)
        assert compact(store, "completions") == CompactReport("completions", 7, 2, 61, 61)
        assert rows(store) == before
        assert compact(store, "completions") == CompactReport("completions", 2, 2, 61, 61)
        assert all(store.has(key(str(batch))) for batch in range(6))
        assert store.commit(key("3"), [TOY]).redundant
        assert len(workspace.runs.batches("run")) == 6
        assert store.fetch("completions", ["4-9"])[0].text == "text 4 9"
        store.commit(key("new"), [replace(TOY, id="0-0", text="later")])
        assert rows(store) == before


def test_target_rows_bounds_a_file(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        fill(workspace.segments)
        compact(workspace.segments, "completions", target_rows=25)
        assert sorted(segment.rows for segment in workspace.segments.registry.segments("completions")) == [1, 20, 20, 20]


def test_repeated_rows_go_and_the_first_stays(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        fill(store)
        store.commit(key("again"), [replace(TOY, id="0-0", text="later"), replace(TOY, id="new", text="n")])
        store.commit(key("third"), [replace(TOY, id="new", text="later"), replace(TOY, id="newer", text="m")])
        before = rows(store)
        assert ("0-0", "text 0 0") in before
        assert ("new", "n") in before
        assert compact(store, "completions") == CompactReport("completions", 9, 2, 65, 63)
        assert rows(store) == before
        assert not any(segment.overlaps for segment in store.registry.segments("completions"))


def test_each_producer_keeps_all_it_made(tmp_path: Path) -> None:
    """Two imports may share problems: the view shows one of them, and each import can still be read whole."""
    same = [Problem("1+1?", "2", source="first", level=1), Problem("1+1?", "2", source="second", level=2)]
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        for batch in "ab":
            store.commit(SegmentKey("problems", "import:first", "1", batch), [same[0], Problem(f"{batch}?", "1")])
            store.commit(SegmentKey("problems", "import:second", "1", batch), [same[1], Problem(f"{batch}?", "2")])
        for _ in range(2):
            with store.connect() as connection:
                query = f"SELECT source FROM problems WHERE id = '{same[0].id}'"
                assert connection.execute(query).fetchall() == [("first",)]
                assert connection.execute("SELECT count(*) FROM problems").fetchall() == [(5,)]
            for name in ("first", "second"):
                table = store.read("problems", producer=f"import:{name}")
                assert sorted(table.column("source").to_pylist()) == ["", "", name]
            compact(store, "problems")


def test_large_files_are_not_written_again(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        store.commit(key("large"), [replace(TOY, id=f"large-{index}") for index in range(60)])
        fill(store)
        large = store.registry.segments("completions")[0]
        compact(store, "completions", target_rows=100)
        assert large in store.registry.segments("completions")
        assert len(store.registry.segments("completions")) == 3


def test_order_within_a_producer_stays(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        plan = [PlanRow("run", r, 0, o, "p", "q", f"{r}-{o}", o, 1) for r in range(3) for o in range(4)]
        for r in range(3):
            workspace.runs.commit_plan("run", r, [row for row in plan if row.round == r], [])
        before = store.read("plan")
        compact(store, "plan")
        compact(store, "stops")
        assert store.read("plan").equals(before)
        assert workspace.runs.plans("run") == [plan[0:4], plan[4:8], plan[8:12]]


def test_old_files_stay_for_readers_that_listed_them(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        fill(store)
        with store.connect() as connection:
            compact(store, "completions")
            workspace.recover()
            assert connection.execute("SELECT count(*) FROM completions").fetchall() == [(61,)]
        files = list((workspace.state / "segments").rglob("*.parquet"))
        assert (len(files), GRACE_SECONDS) == (8, 900.0)
        assert sweep(store.registry, store.place, grace=0) == 6
        assert len(list((workspace.state / "segments").rglob("*.parquet"))) == 2
        assert rows(store)[0] == ("0-0", "text 0 0")


def test_a_merge_of_segments_that_another_process_compacted_is_thrown_away(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        fill(store)
        before, group = rows(store), store.registry.segments("completions")[:6]
        with Workspace.open(tmp_path) as other:
            compact(other.segments, "completions")
        _merge(store, "completions", group)
        assert rows(store) == before
        assert len(store.registry.segments("completions")) == 2
        assert len(list((workspace.state / "segments").rglob("*.parquet"))) == 7 + 1


def test_a_missing_file_is_not_hidden_by_a_merge(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        store = workspace.segments
        fill(store)
        group = store.registry.segments("completions")[:6]
        Path(store.path(group[2])).unlink()
        _merge(store, "completions", group)
        assert [lost.segment_id for lost in store.check()] == [group[2].id]
        assert compact(store, "completions") == CompactReport("completions", 6, 2, 51, 51)
        assert [store.has(key(str(batch))) for batch in range(6)] == [True, True, False, True, True, True]
