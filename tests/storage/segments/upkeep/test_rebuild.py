"""A ledger that was deleted is told as missing, and made again from what the segment files say of themselves."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from rollmill.flows.rounds import decide, run_all
from rollmill.ground.errors import SetupError, Unavailable
from rollmill.ground.records import Completion, Verdict
from rollmill.places import CHECKOUT
from rollmill.storage.ledger.models import BatchRow, RunBatchRow, SegmentRow
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.place import LocalPlace
from rollmill.storage.segments.upkeep.compaction import compact
from rollmill.storage.segments.upkeep.rebuild import Rebuilt, _files
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import calls, content, spec, workspace
from tests.out_of_files import out_of_files
from tests.tied import tied

pytestmark = pytest.mark.sqlite  # what is lost is a file
IMPORTED = Completion("c", "p", "imported", "m", "-", "curate", 0, 0, "4", "stop")


def curated(path: Path) -> int:
    """How many completions a whole run drew."""
    with workspace(path) as ws, spec().open(ws) as made:
        drawn = sum(result.drawn for result in run_all(made))
        decide(made)
    return drawn


def registered(ws: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """What the ledger says of files and batches, and of who made them."""
    batch = (BatchRow.kind, BatchRow.producer, BatchRow.version, BatchRow.batch_id, BatchRow.rows)
    names = ("id", "kind", "producer", "version", "rows", "bytes", "checksum", "columns", "overlaps")
    links = select(RunBatchRow.run_id, *batch).join(BatchRow, BatchRow.id == RunBatchRow.batch)
    with ws.ledger.read() as session:
        return {
            "segments": sorted(map(tuple, session.execute(select(*(getattr(SegmentRow, name) for name in names))))),
            "batches": sorted(map(tuple, session.execute(select(*batch, BatchRow.segment_id)))),
            "runs": sorted(map(tuple, session.execute(links))),
        }


def lose(path: Path) -> None:
    for file in (path / ".rollmill").glob("ledger.sqlite*"):
        file.unlink()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made")
    assert curated(path) == 52
    return path


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "ws"))


def test_a_missing_ledger_is_told_as_missing_with_the_next_command(copy: Path) -> None:
    lose(copy)
    with pytest.raises(SetupError, match=r"is missing: .*ledger.sqlite holds nothing.*rollmill doctor --rebuild"):
        _ = Workspace.open(copy).segments


def test_everything_is_registered_again_and_nothing_is_drawn_again(copy: Path) -> None:
    with Workspace.open(copy) as ws:
        before, rows = registered(ws), content(ws)
    lose(copy)
    with Workspace.open(copy) as ws:
        done = ws.rebuild()
    with Workspace.open(copy) as ws:
        assert (registered(ws), content(ws)) == (before, rows)
        assert (done.rows["completions"], done.rows["verdicts"], done.left) == (52, 52, [])
        assert ws.recover() == []
        with pytest.raises(SetupError, match="there is nothing to rebuild"):
            ws.rebuild()
    assert curated(copy) == 0
    with Workspace.open(copy) as ws:
        assert (registered(ws), content(ws)) == (before, rows)


def test_after_a_compaction_each_batch_is_registered_once(copy: Path) -> None:
    with Workspace.open(copy) as ws:
        for kind in ("completions", "verdicts", "plan", "stops"):
            assert compact(ws.segments, kind).files_after == 1  # the files before lie there for a while
        before, rows = registered(ws), content(ws)
    lose(copy)
    with Workspace.open(copy) as ws:
        assert {why for _, why in ws.rebuild().left} == {"its batches are in another file"}
    with Workspace.open(copy) as ws:
        assert (registered(ws), content(ws)) == (before, rows)
    assert curated(copy) == 0


def test_files_without_a_footer_are_known_by_their_rows(copy: Path) -> None:
    """As versions before this one wrote them."""
    with Workspace.open(copy) as ws:
        rows = content(ws)
    for path in (copy / ".rollmill" / "segments").rglob("*.parquet"):
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    lose(copy)
    with Workspace.open(copy) as ws:
        ws.rebuild()
    with Workspace.open(copy) as ws:
        assert [content(ws)[kind] for kind in ("completions", "verdicts")] == [rows["completions"], rows["verdicts"]]
        makers = {(kind, producer, version) for kind, producer, version, *_ in registered(ws)["batches"]}
        assert {("completions", "toy", "toy-1"), ("verdicts", "toy", "1"), ("plan", "recovered", "1")} <= makers
    assert curated(copy) == 0


def test_an_altered_file_is_left_aside_and_only_its_rows_are_made_again(copy: Path) -> None:
    with Workspace.open(copy) as ws:
        rows, segment = content(ws), ws.segments.registry.segments("completions")[2]
        path = Path(ws.segments.path(segment))
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)
    lose(copy)
    with Workspace.open(copy) as ws:
        done = ws.rebuild()
    assert [(name, why.split(" (")[0]) for name, why in done.left] == [(str(path), "cannot be used")]
    assert curated(copy) == segment.rows
    with Workspace.open(copy) as ws:
        assert content(ws) == rows


def test_a_process_that_may_open_no_more_files_leaves_no_segment_aside(copy: Path) -> None:
    with Workspace.open(copy) as ws:
        place, report = ws.segments.place, Rebuilt()
        assert next(_files(place, report)).written.rows > 0  # what reading needs is imported by then
        with out_of_files(), pytest.raises(OSError, match="Too many open files"):
            list(_files(place, report))
    assert report.left == []


def test_verdicts_on_completions_with_two_texts_are_made_again(copy: Path) -> None:
    with Workspace.open(copy) as ws:
        stored = ws.segments.fetch("completions", [ws.segments.read("completions")["id"][0].as_py()])[0]
        ws.segments.commit(SegmentKey("completions", "toy", "toy-1", "other"), [replace(stored, text="another")])
    lose(copy)
    with Workspace.open(copy) as ws:
        assert [why for _, why in ws.rebuild().left] == ["verdicts on completions stored with two texts"]
    with Workspace.open(copy) as ws:
        assert ws.segments.read("completions").num_rows == 52
        assert [segment.overlaps for segment in ws.segments.registry.segments("completions")].count(True) == 1
        assert ws.segments.fetch("completions", [stored.id]) == [stored]


def test_an_import_is_not_taken_before_its_file_is_imported_again(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        ws.segments.commit(SegmentKey("completions", "import:mine", "1", "b"), [IMPORTED])
    lose(tmp_path)
    with Workspace.open(tmp_path) as ws:
        assert ws.rebuild().imports == ["import:mine"]
        assert ws.segments.present("completions", ["c"]) == {"c"}
        with pytest.raises(SetupError, match="'mine' is not whole"):
            ws.imports.require_whole("mine")


def test_a_ledger_with_segments_of_its_own_takes_no_other_s(copy: Path) -> None:
    with Workspace.open(copy, ledger_url="sqlite:///other.db", segments_url="other") as ws:
        ws.segments.commit(SegmentKey("completions", "t", "1", "b"), [IMPORTED])
    with Workspace.open(copy, ledger_url="sqlite:///other.db") as ws, pytest.raises(SetupError, match="are another's"):
        ws.rebuild()
    with Workspace.open(copy) as ws:
        assert ws.segments.read("completions").num_rows == 52


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["ledger.written:1", "ledger.committed:1", "ledger.written:2", ""])
def test_killed_runs_and_killed_rebuilds_lose_no_paid_reply(tmp_path: Path, point: str) -> None:
    """A run is killed, its ledger deleted, the rebuild killed as well; what lies in segments is never asked for again."""
    ws, log = tmp_path / "ws", tmp_path / "calls"
    run = [
        *tied(sys.executable, "-m", "tests.flows.rounds.together.child", str(ws), str(log)),
        "--problems",
        "8",
        "--spooled",
    ]
    rebuild = tied(sys.executable, "-m", "rollmill.flows.cli", "doctor", "--rebuild")
    at = {"ROLLMILL_FAILPOINT": "segment.registered:8"}
    assert subprocess.run(run, cwd=CHECKOUT, env=os.environ | at).returncode == -signal.SIGKILL
    lose(ws)
    inside = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    if point:
        shot = subprocess.run(rebuild, cwd=ws, env=inside | {"ROLLMILL_FAILPOINT": point}, capture_output=True)
        assert shot.returncode == -signal.SIGKILL, shot.stderr
    done = subprocess.run(rebuild, cwd=ws, env=inside, capture_output=True, text=True)
    assert done.returncode == 0 or "there is nothing to rebuild" in done.stderr
    with Workspace.open(ws) as opened:
        stored = opened.segments.read("completions")["id"].to_pylist()
    calls_before = len(calls(log))
    assert 0 < len(stored) <= calls_before
    assert subprocess.run(run, cwd=CHECKOUT).returncode == 0
    assert set(stored).isdisjoint(calls(log)[calls_before:])
    with Workspace.open(ws) as opened:
        assert len(content(opened)["decisions"]) == opened.segments.read("completions").num_rows == len(set(calls(log)))


def test_folders_with_an_equals_sign_above_change_nothing_that_a_rebuild_reads(tmp_path: Path) -> None:
    path = tmp_path / "completion_id=c" / "text=other"
    path.mkdir(parents=True)
    with Workspace.init(path) as ws:
        ws.segments.commit(SegmentKey("completions", "toy", "1", "b"), [replace(IMPORTED, engine="toy")])
        ws.segments.commit(SegmentKey("completions", "toy", "1", "other"), [replace(IMPORTED, engine="toy", text="5")])
        verdicts = [Verdict(name, "p", "number", "1", "correct", "equal") for name in ("c", "d")]
        for verdict in verdicts:
            ws.segments.commit(SegmentKey("verdicts", "number", "1", verdict.completion_id), [verdict])
    lose(path)
    with Workspace.open(path) as ws:
        left = ws.rebuild().left
        assert [why for _, why in left] == ["verdicts on completions stored with two texts"]
        assert ws.segments.read("verdicts")["completion_id"].to_pylist() == ["d"]


def test_a_file_that_the_disk_does_not_give_back_stops_a_rebuild_as_what_is_left_aside_is_swept_away(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workspace.open(copy) as ws:
        rows = content(ws)
    lose(copy)
    refused = sorted((copy / ".rollmill" / "segments" / "verdicts").rglob("*.parquet"))[0]
    opened = LocalPlace.open

    def disk(place: LocalPlace, kind: str, segment_id: str) -> Any:
        if segment_id == refused.stem:
            raise OSError(errno.EIO, "Input/output error", str(refused))
        return opened(place, kind, segment_id)

    with monkeypatch.context() as machine, Workspace.open(copy) as ws:
        machine.setattr(LocalPlace, "open", disk)
        with pytest.raises(Unavailable, match=f"could not read {refused} .*nothing was registered.*run the same command"):
            ws.rebuild()
    with Workspace.open(copy) as ws:
        assert ws.rebuild().left == []
        assert content(ws) == rows
