"""Tasks for a person: each end that was bad once, and the numbers of the queues in which rollouts wait."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.storage.artifacts.index import Index, SignOff
from rollmill.storage.audits import Audit, AuditItem, PersonJudgement
from rollmill.storage.queries import Reader, runs
from rollmill.storage.queries.judge.review import undecided_queue
from rollmill.storage.queries.open_tasks import OpenTask, judging_tasks, run_tasks, sign_off_tasks
from rollmill.storage.queries.schedules import schedules
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.versions.index import Entry
from rollmill.storage.versions.resolve import VersionInfo, version_info
from rollmill.storage.workspace import Workspace
from tests.storage.queries.conftest import RECIPE, Milled, _decision, plan

DOUBTFUL = "toy-cccccccc"


def ended(ws: Workspace, run: str, status: str, **summary: object) -> None:
    ws.runs.open(run, name=run.partition("-")[0], recipe={}, recipe_hash="0" * 64)
    ws.runs.finish(run, status, dict(summary))


def tasks_of(root: Path) -> list[OpenTask]:
    with Reader.open(root) as reader:
        return run_tasks(runs(reader), schedules(reader))


def test_the_newest_run_of_each_recipe_is_a_task_if_it_ended_badly(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        for run, status in (("a-1", "failed"), ("a-2", "done"), ("b-1", "done"), ("b-2", "failed"), ("c-1", "stopped")):
            ended(ws, run, status)
        ended(ws, "d-1", "interrupted")
        ended(ws, "e-1", "failed", funnel={"kept": 3})
        ws.runs.open("f-1", name="f", recipe={"pilot": {}}, recipe_hash="0" * 64)
        ws.runs.finish("f-1", "failed", {})
        ws.runs.open("g-1", name="g", recipe={}, recipe_hash="0" * 64)  # nobody works on it: it was killed
    assert {(task.kind, task.name, task.words) for task in tasks_of(tmp_path)} == {
        ("ended", "b-2", "failed"),
        ("ended", "c-1", "stopped"),
        ("ended", "d-1", "interrupted"),
        ("refused", "e-1", "failed"),
        ("ended", "g-1", "killed"),
    }


@pytest.mark.parametrize(
    ("status", "run", "run_status", "expected"),
    [
        ("failed", None, "done", [("fired", "nightly", "failed")]),
        ("failed", "a-1", "failed", [("fired", "nightly", "failed")]),  # not the run as well
        ("failed", "a-1", "done", []),  # somebody resumed it
        ("refused", "a-1", "failed", [("ended", "a-1", "failed")]),
        ("refused", None, "done", [("fired", "nightly", "refused")]),  # an evaluation's alert: it has no run of its own
        ("done", "a-1", "done", []),
    ],
)
def test_a_firing_that_ended_badly_is_a_task_of_its_schedule_or_of_its_run(
    tmp_path: Path, status: str, run: str | None, run_status: str, expected: Sequence[tuple[str, str, str]]
) -> None:
    with Workspace.init(tmp_path) as ws:
        Schedules(ws.state).add(Schedule("nightly", "0 2 * * *", "/r.yaml"))
        ended(ws, "a-1", run_status)
        begun = ws.firings.begin("nightly", "/r.yaml")
        ws.firings.end(begun.id, status, "", run)
    found = tasks_of(tmp_path)
    assert [(task.kind, task.name, task.words) for task in found] == expected
    assert [task.firing for task in found if task.kind == "fired"] == [begun.id for kind, *_ in expected if kind == "fired"]


def test_a_paused_schedule_is_a_task(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        Schedules(ws.state).add(Schedule("rests", "0 2 * * *", "/r.yaml", paused=True))
    assert tasks_of(tmp_path) == [OpenTask("paused", "rests")]


def test_a_schedule_that_was_not_written_here_is_a_task(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        row = {"name": "theirs", "cron": "0 2 * * *", "recipe": "/r.yaml", "sets": [], "paused": True}
        (ws.state / "schedules.json").write_text(json.dumps([row]))
        ws.firings.end(ws.firings.begin("theirs", "/r.yaml").id, "failed", "", None)
    assert tasks_of(tmp_path) == [OpenTask("foreign", "theirs")]


def doubt(curated: Milled, number: int) -> None:
    """Decide a run in which so many rollouts of the first problem are undecided."""
    ws, problems = curated.ws, curated.problems
    ws.runs.open(DOUBTFUL, name="toy", recipe=RECIPE, recipe_hash="c" * 64)
    ws.runs.commit_plan(DOUBTFUL, 0, plan(DOUBTFUL, problems, 0, range(8)), [])
    every = [replace(_decision(owner, index), run=DOUBTFUL) for owner in problems for index in range(8)]
    open_ones = [replace(row, outcome="undecided") if place < number else row for place, row in enumerate(every)]
    ws.segments.commit(SegmentKey("decisions", DOUBTFUL, "1", "x"), open_ones, run=DOUBTFUL)
    ws.runs.finish(DOUBTFUL, "done", {"funnel": {"undecided": number}})


def test_undecided_rollouts_are_counted_as_in_their_queue(curated: Milled) -> None:
    doubt(curated, 3)
    queue = undecided_queue(curated.reader, DOUBTFUL)
    assert len(queue.pairs) == 3
    assert judging_tasks(curated.reader, runs(curated.reader)) == [OpenTask("undecided", DOUBTFUL, left=3, drawn=3)]
    judged = [PersonJudgement(*pair, "ann", "correct") for pair in queue.pairs[:2]]
    curated.reader.audits.judge(judged)
    assert judging_tasks(curated.reader, runs(curated.reader)) == [OpenTask("undecided", DOUBTFUL, left=1, drawn=3)]


def test_an_audit_waits_under_the_title_of_its_queue_until_all_is_judged(curated: Milled) -> None:
    items = [AuditItem(n, f"c0-{n}", curated.problems[0].id, "x", 0.5, 1.0, "correct") for n in range(2)]
    curated.reader.audits.save(Audit("natural-aa", "math", "2", "natural", "toy-aaaaaaaa", {}), items)
    curated.reader.audits.save(Audit("planted-bb", "math", "2", "planted", "toy-aaaaaaaa", {}))
    title = "math on toy-aaaaaaaa (natural-aa)"
    assert judging_tasks(curated.reader, []) == [OpenTask("audit", title, left=2, drawn=2)]
    curated.reader.audits.judge([PersonJudgement(*item.pair, "ann", "unsure") for item in items])
    assert judging_tasks(curated.reader, []) == []


def version(number: int, *, signed: bool = False, yanked: str | None = None) -> VersionInfo:
    index: Index[Entry] = Index("toy", signoffs=(SignOff(f"v{number}-{'a' * 8}", "ann", "2026-01-01"),) if signed else ())
    entry = Entry(number, "a" * 64, "", "", "", None, "2026-01-01", 1, 1, 1)
    return replace(version_info(Path("datasets"), index, entry), yanked=yanked)


def test_a_newer_version_wants_the_sign_off_that_an_older_one_has() -> None:
    assert sign_off_tasks([[version(3), version(2, signed=True), version(1, signed=True)]]) == [
        OpenTask("sign-off", "toy@v3", "toy@v2")
    ]
    assert sign_off_tasks([[version(2, signed=True), version(1)], [version(1)]]) == []
    assert sign_off_tasks([[version(2, yanked="wrong"), version(1, signed=True)]]) == []
