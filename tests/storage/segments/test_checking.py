"""A file that is gone, short or altered is named and unregistered, and only its rows are missing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollmill.ground.errors import CorruptSegment, SetupError
from rollmill.ground.records import Completion
from rollmill.storage.ledger.models import LostSegmentRow
from rollmill.storage.segments.checking import sweep
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path) as workspace:
        for batch in "abc":
            workspace.segments.commit(key(batch), [completion(f"{batch}{index}") for index in range(50)], run="run")
        yield workspace


def key(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def completion(name: str) -> Completion:
    return Completion(name, "p", "toy", "m", "d", "curate", 0, 7, f"the text of {name} " * 20, "stop")


def path_of(store: SegmentStore, index: int) -> Path:
    return Path(store.path(store.registry.segments("completions")[index]))


def truncate(path: Path) -> str:
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-7])
    return f"damaged ({size - 7} of {size} bytes)"


def delete(path: Path) -> str:
    path.unlink()
    return "missing"


@pytest.mark.parametrize("harm", [truncate, delete])
def test_recover_names_the_file_and_only_its_rows_are_missing(workspace: Workspace, harm: Callable[[Path], str]) -> None:
    store = workspace.segments
    path = path_of(store, 1)
    problem = harm(path)
    assert store.read("completions").num_rows == 100  # a reader does not stumble over it
    assert store.present("completions", ["a1", "b1", "c1"]) == {"a1", "c1"}
    assert workspace.recover() == [f"segment {path} is {problem}: its 50 completions are no longer counted as stored"]
    assert workspace.recover() == []
    assert [store.has(key(batch)) for batch in "abc"] == [True, False, True]
    assert [known.batch_id for known in workspace.runs.batches("run")] == ["a", "c"]
    with workspace.ledger.read() as session:
        lost = session.query(LostSegmentRow).one()
        assert (lost.id, lost.problem, lost.rows, lost.batches) == (path.stem, problem, 50, ["b"])
    again = store.commit(key("b"), [completion(f"b{index}") for index in range(50)])
    assert not again.redundant
    assert store.read("completions").num_rows == 150
    assert store.present("completions", ["a1", "b1", "c1"]) == {"a1", "b1", "c1"}


def test_a_commit_beside_a_missing_file_works_and_the_file_may_come_back(workspace: Workspace) -> None:
    store = workspace.segments
    path = path_of(store, 0)
    content = path.read_bytes()
    path.unlink()
    with Workspace.open(workspace.root) as other:
        other.segments.commit(key("again"), [completion(f"a{index}") for index in range(50)])
    path.write_bytes(content)
    assert workspace.recover() == []
    assert store.read("completions").num_rows == 150  # nothing counted twice


def test_an_unreadable_file_is_named_unregistered_and_the_next_read_works(workspace: Workspace) -> None:
    store = workspace.segments
    path = path_of(store, 2)
    path.write_bytes(path.read_bytes()[:-4] + b"JUNK")
    with Workspace.open(workspace.root) as fresh:
        with pytest.raises(CorruptSegment) as caught:
            fresh.segments.fetch("completions", ["a1", "c1"])
        assert str(caught.value) == (
            f"segment {path} is altered (its checksum differs); it is unregistered, "
            "the same command again makes its rows again"
        )
        assert [row.id for row in fresh.segments.fetch("completions", ["a1", "c1"])] == ["a1"]
    assert store.read("completions").num_rows == 100


@pytest.mark.parametrize("act", [lambda store: store.read("completions"), lambda store: store.connect().close()])
def test_reading_everything_names_it_too(workspace: Workspace, act: Callable[[SegmentStore], object]) -> None:
    path = path_of(workspace.segments, 0)
    path.write_bytes(path.read_bytes()[:-4] + b"JUNK")
    with pytest.raises(CorruptSegment, match=path.stem):
        act(workspace.segments)
    act(workspace.segments)


def test_one_altered_bit_is_found_by_the_deep_check_only(workspace: Workspace) -> None:
    store = workspace.segments
    path = path_of(store, 1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert store.check() == []
    lost = store.check(deep=True)
    assert [(row.segment_id, row.rows, row.problem) for row in lost] == [(path.stem, 50, "altered (its checksum differs)")]
    assert store.check(deep=True) == []


def test_a_vanished_folder_is_not_taken_for_the_loss_of_everything(workspace: Workspace) -> None:
    folder = workspace.state / "segments"
    folder.rename(workspace.state / "unmounted")
    with pytest.raises(SetupError, match="holds none of them"):
        workspace.recover()
    (workspace.state / "unmounted").rename(folder)
    assert workspace.recover() == []
    assert workspace.segments.read("completions").num_rows == 150


def test_unregistered_files_of_dead_processes_go_and_those_of_live_ones_stay(workspace: Workspace) -> None:
    store = workspace.segments
    sound = path_of(store, 0)
    living = f"0{sound.stem[1:]}" if sound.stem[0] != "0" else f"1{sound.stem[1:]}"
    dead = f"{sound.stem[:24]}{0:08x}{sound.stem[32:]}"
    strange = sound.with_name("notes.txt")
    foreign, old = (f"{stem}{'0' * 8}{sound.stem[24:]}" for stem in (sound.stem[:15] + "0", sound.stem[:15] + "1"))
    files = [sound.with_name(f"{name}.parquet") for name in (foreign, old)]
    files += [sound.with_name(f"{name}.parquet") for name in (living, dead)] + [
        sound.with_name(f".tmp-{dead}.parquet"),
        strange,
    ]
    for path in files:
        path.write_bytes(b"x")
    os.utime(files[1], (0, 0))
    assert sweep(store.registry, store.place) == 3
    assert [path.exists() for path in files] == [True, False, True, False, False, True]
    assert sound.exists()
