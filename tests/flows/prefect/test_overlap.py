"""Firings that fall due while others run, against a real server: skipped, queued, side by side within a limit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.storage.schedules import Schedules
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish, start
from tests.flows.test_services import left_behind, run
from tests.waiting import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]
YEARLY = ("--cron", "0 2 1 1 *")


@pytest.fixture
def hold(toy: Path) -> Iterator[Path]:
    """The file that keeps engines waiting, in a workspace that is up for three runs at a time."""
    path = toy / "hold"
    path.touch()
    said = finish(start("up", "--port", "0", "--dashboard", "0", "--runs", "3", cwd=toy, TOY_HOLD=str(path)))
    assert said.status == 0, said.err
    yield path
    run(toy, "down")
    assert until(lambda: left_behind(toy) == []), left_behind(toy)


def ends(toy: Path, schedule: str) -> list[tuple[str, str]]:
    """How the firings of a schedule ended, the newest first, in the first words."""
    with Workspace.open(toy) as workspace:
        return [(firing.status, firing.said.partition(" ")[0]) for firing in workspace.firings.recent(schedule)]


def fire(toy: Path, schedule: str) -> None:
    assert until(lambda: run(toy, "schedule", "run-now", schedule).status == 0, 60)


def test_schedules_run_side_by_side_and_their_own_firings_do_not(toy: Path, hold: Path) -> None:
    seeds = {"skip": 5, "queue": 6}
    for name, seed in seeds.items():
        options = ("--name", name, "--overlap", name, "--set", f"seed={seed}", "--set", f"dataset={name}")
        assert run(toy, "schedule", "add", "toy.yaml", *YEARLY, *options).status == 0
        fire(toy, name)
    assert [item.overlap for item in Schedules(toy / ".rollmill").own()] == ["queue", "skip"]
    assert until(lambda: [ends(toy, name) for name in seeds] == [[("running", "")]] * 2, 120), ends(toy, "queue")
    for name in seeds:
        fire(toy, name)
    assert until(lambda: ends(toy, "skip")[0] == ("skipped", "the"), 60), ends(toy, "skip")
    assert until(lambda: ends(toy, "queue")[0][0] == "due", 60), ends(toy, "queue")
    assert [status for status, _ in ends(toy, "queue")] == ["due", "running"]
    hold.unlink()
    assert until(lambda: [status for status, _ in ends(toy, "queue")] == ["done", "done"], 180), ends(toy, "queue")
    assert until(lambda: [status for status, _ in ends(toy, "skip")] == ["skipped", "done"], 60), ends(toy, "skip")
