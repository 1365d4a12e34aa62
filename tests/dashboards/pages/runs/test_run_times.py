"""Seconds of a run agree wherever they are said: `runs list`, `runs show`, the table, the timeline and the log."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.queries import Reader
from rollmill.storage.queries.run_history import RunTimes, run_times
from rollmill.storage.runs import Run
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import opened, run_in
from tests.dashboards.test_pages import texts
from tests.flows.conftest import RECIPE, ROOT, finish, start

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAUSE = 2.0  # seconds between a killed command and the next one
KINDS = ("plain", "resumed", "reusing", "refused")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run of each kind, by its recipe's name; made once, as the tests only read."""
    folder = tmp_path_factory.mktemp("times") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(ROOT / "tests" / "toys.py", folder / "toys.py")
    for name in KINDS:
        (folder / f"{name}.yaml").write_text(RECIPE.replace("name: toy", f"name: {name}"))
    (folder / "resumed.yaml").write_text((folder / "resumed.yaml").read_text().replace("seed: 3", "seed: 4"))
    killed = start("curate", "resumed.yaml", "--direct", cwd=folder, ROLLMILL_FAILPOINT="plan.committed:2")
    assert finish(killed).status == -9
    time.sleep(PAUSE)
    run_in(folder, *(["curate", f"{name}.yaml", "--direct"] for name in ("resumed", "plain", "reusing")))
    held = finish(start("curate", "refused.yaml", "--direct", "--set", "gate.min_kept=5000", cwd=folder))
    assert held.status == 1
    return folder


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, RunTimes]:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    with Reader.open(folder) as reader:
        run = next(run for run in reader.runs.list() if run.name == request.param)
        return run, run_times(reader, run.id)


@pytest.fixture
def told(folder: Path) -> Callable[..., Any]:
    """What a command says with --json."""

    def ask(*arguments: str) -> Any:
        command = [sys.executable, "-m", "rollmill.flows.cli", "-C", str(folder), *arguments, "--json"]
        return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)

    return ask


def test_the_seconds_of_a_run_agree(kind: tuple[Run, RunTimes], told: Callable[..., Any]) -> None:
    run, times = kind
    assert times.seconds is not None
    assert times.between is not None
    assert {row["run"]: row["seconds"] for row in told("runs", "list")}[run.id] == times.seconds
    shown = told("runs", "show", run.id)
    assert (shown["seconds"], shown["between"]) == (times.seconds, times.between)
    assert {stage["stage"]: stage["seconds"] for stage in shown["stages"]} == times.stages
    page = opened("runs", run=run.id)
    table = page.dataframe[0].value
    row = table[[run.id in name for name in table["run"]]].iloc[0]
    assert (row["open"], row["seconds"]) == ("▶", times.seconds)
    inside = times.seconds - times.between
    words = f"{times.seconds:,.1f} s: {inside:,.1f} s in these stages, {times.between:,.1f} s between them"
    assert words in texts(page)
    log = opened("runs", run=run.id, tab="Log").dataframe[1].value
    assert dict(zip(log["stage"], log["seconds"], strict=True)) == {
        name: round(seconds, 1) for name, seconds in times.stages.items()
    }


def test_no_span_reaches_beyond_the_run(kind: tuple[Run, RunTimes]) -> None:
    run, times = kind
    assert times.seconds is not None
    assert min(span.begun for span in times.spans) >= 0.0
    assert max(span.ended for span in times.spans) <= times.seconds
    assert {"synthesize", "draw", "verify", "select", "gate"} <= times.stages.keys()
    assert ("publish" in times.stages) == run.published == (run.name != "refused")
    reused = run.name in ("reusing", "refused")
    assert all((span.rows == 0) == reused for span in times.spans if span.stage in ("draw", "verify"))
    if run.name != "refused":  # the command said so itself, without what it waits for at its end
        worked = times.seconds - (run.pauses[0][0] - run.started_at.timestamp() if run.pauses else 0.0)
        assert worked == pytest.approx(run.summary["seconds"], abs=0.5)


def test_the_pause_between_two_commands_is_no_work(kind: tuple[Run, RunTimes]) -> None:
    run, times = kind
    assert len(run.pauses) == (run.name == "resumed")
    for begin, end in run.pauses:
        assert end - begin >= PAUSE
        assert run.finished_at is not None
        whole = (run.finished_at - run.started_at).total_seconds()
        assert times.seconds == pytest.approx(whole - (end - begin))
