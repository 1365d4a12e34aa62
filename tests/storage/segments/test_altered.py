"""A flipped byte anywhere in a segment is found before a row of it is used; its rows are then to be made again."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import CorruptSegment
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.storage.segments.keys import Kind, SegmentKey
from rollmill.storage.segments.place import LocalPlace
from rollmill.storage.segments.schema import Record
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.workspace import Workspace

ROWS: dict[Kind, list[Record]] = {
    "problems": [Problem(f"What is {n}?", f"{n}", level=n % 8) for n in range(200)],
    "completions": [Completion(f"c{n}", "q", "toy", "m", "d", "curate", n, 7, f"it is {n}", "stop") for n in range(200)],
    "verdicts": [Verdict(f"c{n}", "p", "number", "1", "correct", "equal", seconds=0.1) for n in range(200)],
}


def key(kind: Kind) -> SegmentKey:
    return SegmentKey(kind, "number" if kind == "verdicts" else "toy", "1", "b0")


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    with Workspace.init(tmp_path) as workspace:
        for kind, rows in ROWS.items():
            workspace.segments.commit(key(kind), rows)
    return Workspace.open(tmp_path)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0], ids=lambda share: f"at {share:.0%}")
def test_a_flipped_byte_is_never_read(ws: Workspace, kind: Kind, share: float) -> None:
    [path] = (ws.state / "segments" / kind).rglob("*.parquet")
    flip(path, int(share * (path.stat().st_size - 1)))
    with pytest.raises(
        CorruptSegment, match=r"altered \(its checksum differs\); it is unregistered, the same command again"
    ):
        ws.segments.read(kind)
    assert ws.segments.read(kind).num_rows == 0
    assert not ws.segments.has(key(kind))
    done = ws.segments.commit(key(kind), ROWS[kind])
    assert (done.redundant, ws.segments.read(kind).num_rows) == (False, 200)


@pytest.mark.sqlite
def test_every_way_of_reading_compares(ws: Workspace) -> None:
    [path] = (ws.state / "segments" / "completions").rglob("*.parquet")
    flip(path, path.stat().st_size // 3)
    root = ws.root
    ways: tuple[Callable[[SegmentStore], object], ...] = (
        lambda store: store.present("completions", ["c1"]),
        lambda store: store.fetch("completions", ["c1"]),
        lambda store: store.connect(),
        lambda store: store.rows("completions", producer="toy", version="1"),
    )
    original = (root / ".rollmill" / "ledger.sqlite").read_bytes()
    for way in ways:
        with Workspace.open(root) as again, pytest.raises(CorruptSegment):
            way(again.segments)
        for name in ("ledger.sqlite-wal", "ledger.sqlite-shm"):
            (root / ".rollmill" / name).unlink(missing_ok=True)
        (root / ".rollmill" / "ledger.sqlite").write_bytes(original)


def test_a_writing_command_names_it_at_its_start_and_makes_the_rows_again(ws: Workspace) -> None:
    [path] = (ws.state / "segments" / "verdicts").rglob("*.parquet")
    flip(path, 100)
    [line] = ws.recover()
    assert line.endswith("is altered (its checksum differs): its 200 verdicts are no longer counted as stored")
    assert ws.recover() == []


def test_a_sound_file_is_compared_once_per_process(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    place = ws.segments.place
    digest = place.digest

    def counted(kind: str, segment_id: str) -> str:
        read.append(segment_id)
        return digest(kind, segment_id)

    monkeypatch.setattr(place, "digest", counted)
    for _ in range(3):
        ws.segments.read("problems")
        ws.segments.present("problems", ["x"])
    assert len(read) == 1


@pytest.mark.parametrize(("times", "lost"), [(1, 0), (1000, 1)])
def test_a_block_that_the_disk_gives_back_at_the_second_try_is_no_loss(
    times: int, lost: int, ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, opened = ws.segments.registry.segments("verdicts")[0].id, LocalPlace.open
    left = [times]

    def disk(place: LocalPlace, kind: str, segment_id: str) -> Any:
        if segment_id == refused and left[0] > 0:
            left[0] -= 1
            raise OSError(errno.EIO, "Input/output error")
        return opened(place, kind, segment_id)

    monkeypatch.setattr(LocalPlace, "open", disk)
    assert len(ws.segments.check(deep=True)) == lost
