"""Firings of schedules under kills: of the process of a firing, and of `rollmill up`, at every stage of a start.

Each due firing ends in one entry of the ledger: it is started again if it had not begun, and shown as killed if it had.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import Schedules
from rollmill.storage.standing import Standing, find_standing
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Said, finish, start
from tests.waiting import has_ended, until

pytestmark = [pytest.mark.security, pytest.mark.timeout(400)]
TOYS = Path(__file__).parents[2] / "toys.py"
ADD = ("schedule", "add", "toy.yaml", "--publish-again")


class Up:
    """A workspace that is up with the schedule `toy`, which fires only when a test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told = folder / "told"

    def run(self, *arguments: str) -> Said:
        return finish(start(*arguments, cwd=self.folder))

    def begin(self) -> None:
        said = self.run("up", "--dashboard", "0")
        assert said.status == 0, said.err

    @property
    def standing(self) -> Standing:
        found = find_standing(self.folder / ".rollmill")
        assert found is not None
        return found

    def firings(self, schedule: str = "toy") -> list[Firing]:
        """The newest first."""
        with Workspace.open(self.folder) as workspace:
            return workspace.firings.recent(schedule, 100)

    def ends(self, schedule: str = "toy") -> list[str]:
        return [firing.status for firing in self.firings(schedule)]

    def starting(self) -> psutil.Process | None:
        """The process of a firing under the standing process."""
        for child in psutil.Process(self.standing.process.pid).children(recursive=True):
            try:
                if "rollmill.flows.prefect.scheduled" in child.cmdline():
                    return child
            except psutil.Error:
                continue
        return None

    def fire(self) -> psutil.Process:
        """The process of a new firing, as soon as it exists."""
        assert until(lambda: self.run("schedule", "run-now", "toy").status == 0)
        deadline = time.monotonic() + 120
        while (found := self.starting()) is None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found is not None
        return found

    def kill(self) -> None:
        """Kill -9 of `rollmill up`; everything that it started ends with it."""
        pid = self.standing.process.pid
        children = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        assert until(lambda: all(map(has_ended, children)), 30)
        assert until(lambda: find_standing(self.folder / ".rollmill") is None, 30)


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("firings") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
    made = Up(folder)
    made.begin()
    assert made.run(*ADD, "--cron", "0 2 1 1 *", "--notify-command", f"tee -a {made.told}").status == 0
    yield made
    made.run("down")


def test_a_process_that_is_killed_while_it_starts_is_started_again(up: Up) -> None:
    first = up.fire()
    assert up.ends() == ["due"]  # written down before the process was started
    first.kill()
    assert until(lambda: up.ends() == ["done"], 200), up.firings()
    [firing] = up.firings()
    assert firing.starts == 2
    assert not up.told.exists()


def test_an_up_that_is_killed_while_a_firing_starts_fires_it_at_its_next_start(up: Up) -> None:
    before = up.ends()
    up.fire()
    assert up.ends() == ["due", *before]
    up.kill()
    assert up.ends() == ["due", *before]
    listed = up.run("schedule", "list").out
    assert "due, not begun" in listed
    assert "NOT SERVED: `rollmill up` was killed" in listed
    up.begin()
    assert until(lambda: up.ends() == ["done", *before], 200), up.firings()


def test_a_firing_that_is_due_outlives_prefects_home(up: Up) -> None:
    before = up.ends()
    up.fire()
    up.kill()
    shutil.rmtree(up.folder / ".rollmill" / "prefect")
    up.begin()
    assert until(lambda: up.ends() == ["done", *before], 200), up.firings()


def test_a_firing_that_had_begun_ends_as_killed_and_the_next_goes_on(up: Up) -> None:
    toys = up.folder / "toys.py"
    toys.write_text(toys.read_text().replace('"TOY_SLEEP", "0"', '"TOY_SLEEP", "0.2"'))
    recipe = up.folder / "toy.yaml"
    recipe.write_text(recipe.read_text().replace("seed: 3", "seed: 4"))
    before = up.ends()
    process = up.fire()
    assert until(lambda: up.ends() == ["running", *before], 120)
    process.kill()
    assert until(up.told.exists, 60)  # an end of which somebody is told
    assert up.ends() == ["killed", *before]
    row = json.loads(up.told.read_text().splitlines()[0])
    assert (row["status"], row["said"]) == ("killed", "its process was killed")
    assert "killed: its process was killed" in up.run("schedule", "list").out
    up.fire()
    assert until(lambda: up.ends()[:2] == ["done", "killed"], 200), up.firings()
    assert len(up.firings()) == len(before) + 2


def test_times_that_pass_while_nothing_is_up_are_entered_once_as_skipped(up: Up) -> None:
    assert up.run(*ADD, "--every", "10m", "--name", "often").status == 0
    assert up.run("down").status == 0
    state = up.folder / ".rollmill"
    hour_ago = datetime.now(UTC) - timedelta(minutes=65)
    Schedules(state).add(replace(Schedules(state).get_own("often"), since=hour_ago.isoformat()))
    long_ago = time.time() - 35 * 60
    os.utime(state / "schedules.watched", (long_ago, long_ago))
    up.begin()
    assert until(lambda: up.ends("often") == ["skipped"], 60), up.firings("often")
    [missed] = up.firings("often")
    assert missed.said == "`rollmill up` did not run when it fell due; nor did it at 2 times before"
    assert abs((missed.fired_at - (hour_ago + timedelta(minutes=60))).total_seconds()) < 1
    assert until(lambda: (state / "schedules.watched").stat().st_mtime > long_ago + 60, 60)  # a next `up` begins there
    assert up.ends("often") == ["skipped"]


def test_a_firing_counts_once_whatever_processes_begin_it(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        firings = workspace.firings
        assert firings.due("nightly", "toy.yaml", "run-1", 1.0)
        assert firings.due("nightly", "toy.yaml", "run-1", 1.0)  # seen again
        assert (firings.last("nightly"), firings.counted()) == (None, (0, 0))
        begun = firings.begin("nightly", "toy.yaml", flow_run="run-1")
        assert not firings.may_begin("run-1")
        assert not firings.due("nightly", "toy.yaml", "run-1", 1.0)
        other = os.fork()
        if other == 0:
            status = 1
            try:
                with Workspace.open(tmp_path) as again:
                    again.firings.begin("nightly", "toy.yaml", flow_run="run-1")
            except Exception as error:
                status = 0 if "has begun in another process" in str(error) else 2
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) == 0
        firings.end(begun.id, "failed", "x", None)
        second = firings.begin("nightly", "toy.yaml", flow_run="run-1")  # another attempt of this process
        assert second.id != begun.id
        assert [firing.flow_run for firing in firings.recent("nightly")] == [None, "run-1"]
