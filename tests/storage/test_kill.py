"""Real processes are killed at each named point; the next command finishes the work with the rows of an undisturbed run.

What is killed is a miniature run with a plan, spooled draws, commits and verdicts.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rollmill.ground import failpoints
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, PlanRow, StopRow, Verdict
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.upkeep import compaction
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.waiting import until

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

ROUNDS, BATCHES, PER_BATCH, GROUP = 2, 2, 6, 3
KILLED = (-signal.SIGKILL, "")


def plan_of(round_index: int) -> list[PlanRow]:
    return [
        PlanRow("run", round_index, batch, row, "p1", "q", f"{round_index}-{batch}-{row}", row, 7)
        for batch in range(BATCHES)
        for row in range(PER_BATCH)
    ]


def draw(workspace: Workspace, row: PlanRow) -> Completion:
    """The engine: counts its calls in a file of its own, as a paid server would."""
    with (workspace.root / "engine.log").open("a") as log:
        log.write(row.completion_id + "\n")
    return Completion(row.completion_id, "q", "toy", "m", "d", "curate", row.sample_index, row.seed, "text", "stop")


def work(root: Path) -> None:
    """One command: recovers, plans, draws what is missing through the spool, commits, judges."""
    with Workspace.open(root) as workspace:
        workspace.recover()
        workspace.runs.open("run", name="toy", recipe={}, recipe_hash="0" * 32)
        for round_index in range(ROUNDS):
            if len(workspace.runs.plans("run")) <= round_index:
                stops = [StopRow("run", round_index, "p1", "target_met")] if round_index == ROUNDS - 1 else []
                workspace.runs.commit_plan("run", round_index, plan_of(round_index), stops)
            for batch in range(BATCHES):
                rows = [row for row in workspace.runs.plans("run")[round_index] if row.batch == batch]
                work_batch(workspace, f"batch-{round_index}-{batch}", rows)
        workspace.runs.finish("run", "done", {})


def work_batch(workspace: Workspace, name: str, rows: Sequence[PlanRow]) -> None:
    key, spool = SegmentKey("completions", "toy", "d", name), workspace.spool(name)
    if not workspace.segments.has(key):
        drawn = {completion.id: completion for completion in spool.read()}
        missing = [row for row in rows if row.completion_id not in drawn]
        for group in groups(missing):
            replies = [draw(workspace, row) for row in group]
            spool.append(replies)
            drawn |= {reply.id: reply for reply in replies}
        workspace.segments.commit(key, [drawn[row.completion_id] for row in rows], run="run")
    spool.discard()
    verdicts = [Verdict(row.completion_id, "p1", "number", "1", "correct", "equal") for row in rows]
    workspace.segments.commit(SegmentKey("verdicts", "number", "1", name), verdicts, run="run")


def groups(rows: Sequence[PlanRow]) -> Iterator[Sequence[PlanRow]]:
    for start in range(0, len(rows), GROUP):
        yield rows[start : start + GROUP]


def contents(root: Path) -> dict[str, object]:
    """Everything that must not depend on where a process was killed."""
    with Workspace.open(root) as workspace:
        store = workspace.segments
        registered = {
            Path(store.path(segment)) for kind in ("completions", "verdicts", "plan", "stops")
            for segment in store.registry.segments(kind)
        }  # fmt: skip
        return {
            "completions": sorted(store.read("completions").to_pylist(), key=lambda row: row["id"]),
            "verdicts": sorted(store.read("verdicts").to_pylist(), key=lambda row: row["completion_id"]),
            "plans": workspace.runs.plans("run"),
            "stops": workspace.runs.stops("run"),
            "batches": len(workspace.runs.batches("run")),
            "status": workspace.runs.get("run").status,
            "strays": set((workspace.state / "segments").rglob("*.parquet")) - registered,
            "spools": list((workspace.state / "spool").glob("*")),
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    root = tmp_path_factory.mktemp("undisturbed")
    Workspace.init(root).close()
    work(root)
    stored = contents(root)
    rows = ROUNDS * BATCHES * PER_BATCH
    assert (len(stored["completions"]), len(stored["verdicts"])) == (rows, rows)  # type: ignore[arg-type]
    assert (stored["status"], stored["strays"], stored["spools"]) == ("done", set(), [])
    assert len((root / "engine.log").read_text().splitlines()) == rows
    return stored


# The n-th time a point is reached: plan and stops of round 0 are the files 1 and 2, its first completions file 3.
POINTS = [
    *(f"segment.{step}:{turn}" for turn in (2, 3) for step in ("temp_written", "fsynced", "renamed")),
    *("segment.registered:1", "segment.registered:2", "plan.committed:2", "spool.appended:1", "spool.appended:8"),
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_a_point_the_next_command_finishes(tmp_path: Path, undisturbed: dict[str, object], point: str) -> None:
    Workspace.init(tmp_path).close()
    assert Forked(work, tmp_path, point=point).end() == KILLED
    work(tmp_path)
    assert contents(tmp_path) == undisturbed
    assert len((tmp_path / "engine.log").read_text().splitlines()) == ROUNDS * BATCHES * PER_BATCH  # nothing drawn twice


def test_killed_between_reply_and_spool_only_that_group_is_drawn_again(
    tmp_path: Path, undisturbed: dict[str, object]
) -> None:
    Workspace.init(tmp_path).close()
    assert Forked(torn, tmp_path).end() == KILLED
    work(tmp_path)
    assert contents(tmp_path) == undisturbed
    assert len((tmp_path / "engine.log").read_text().splitlines()) == ROUNDS * BATCHES * PER_BATCH + GROUP


@pytest.mark.parametrize("point", ["segment.temp_written", "segment.renamed", "compact.swapped"])
def test_killed_while_compacting_the_rows_stay(tmp_path: Path, undisturbed: dict[str, object], point: str) -> None:
    Workspace.init(tmp_path).close()
    work(tmp_path)
    assert Forked(compact, tmp_path, point=point).end() == KILLED
    with Workspace.open(tmp_path) as workspace:
        assert workspace.recover() == []
    kept = contents(tmp_path)
    retired = ROUNDS * BATCHES if point == "compact.swapped" else 0
    assert len(kept.pop("strays")) == retired  # type: ignore[arg-type]
    assert kept == {name: value for name, value in undisturbed.items() if name != "strays"}


def test_killed_between_commit_and_discard_the_spool_goes(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    work(tmp_path)
    with Workspace.open(tmp_path) as workspace:
        stored, other = draw(workspace, plan_of(0)[0]), draw(workspace, plan_of(9)[0])
        for name, replies in (("batch-a", [stored]), ("batch-b", [stored, other]), ("batch-c", [stored])):
            workspace.spool(name).append(replies)
        assert workspace.ledger.leases.acquire("batch/batch-c") is not None  # a live process is at it
        workspace.recover()
        assert {path.name for path in (workspace.state / "spool").iterdir()} == {"batch-b.jsonl", "batch-c.jsonl"}


def test_of_two_processes_on_one_batch_the_first_wins(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    racers = {name: Forked(race, tmp_path, name) for name in ("left", "right")}
    assert until(lambda: len(list(tmp_path.glob("ready-*"))) == 2)
    (tmp_path / "go").touch()
    endings = {name: racer.end()[1].split() for name, racer in racers.items()}
    with Workspace.open(tmp_path) as workspace:
        for batch in range(20):
            [winner] = workspace.segments.fetch("completions", [f"race-{batch}"])
            loser = {"left": "right", "right": "left"}[winner.text]
            assert (endings[winner.text][batch], endings[loser][batch]) == ("stored", "redundant")
        assert workspace.segments.read("completions").num_rows == 20
        assert len(list((workspace.state / "segments").rglob("*.parquet"))) == 20


def test_a_misspelt_point_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_FAILPOINT", "segment.fsync")
    with pytest.raises(SetupError, match=r"Did you mean 'segment.fsynced'\?"):
        failpoints.hit("segment.fsynced")
    monkeypatch.setenv("ROLLMILL_FAILPOINT", "segment.fsynced:0")
    with pytest.raises(SetupError, match="must be 1 or more"):
        failpoints.hit("segment.fsynced")


def torn(root: Path) -> None:
    """Dies while the second group of replies is on its way into the spool, with half of a line written."""
    from rollmill.storage.spool import Spool

    append = Spool.append

    def cut(spool: Spool, records: Sequence[Completion]) -> None:
        if not spool.read():
            append(spool, records)
            return
        with spool.path.open("ab") as file:
            file.write(b'0badc0de {"id":"0-0-3","text":"half of a li')
        os.kill(os.getpid(), signal.SIGKILL)

    Spool.append = cut  # type: ignore[assignment,method-assign]
    work(root)


def race(root: Path, name: str) -> None:
    with Workspace.open(root) as workspace:
        segments = workspace.segments
        (root / f"ready-{name}").touch()
        while not (root / "go").exists():
            time.sleep(0.001)
        for batch in range(20):
            reply = Completion(f"race-{batch}", "q", "toy", "m", "d", "curate", 0, 7, name, "stop")
            commit = segments.commit(SegmentKey("completions", "toy", "d", f"b{batch}"), [reply])
            os.write(1, b"redundant\n" if commit.redundant else b"stored\n")


def compact(root: Path) -> None:
    with Workspace.open(root) as workspace:
        compaction.compact(workspace.segments, "completions")
