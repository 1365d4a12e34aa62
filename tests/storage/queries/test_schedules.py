"""The rows of the schedules: next times, the last firings, and which firing the next one goes on with."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rollmill.storage.ledger.owners import this_process
from rollmill.storage.queries import Reader
from rollmill.storage.queries.schedules import MOST_DUE, is_parent, schedules, service
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.standing import Service, Standing
from rollmill.storage.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.init(tmp_path).close()
    return tmp_path


def test_the_times_of_the_next_day_are_listed_up_to_a_number(root: Path) -> None:
    file = Schedules(root / ".rollmill")
    # Half an hour before now: at a fixed minute of the hour it would come before the other one for five minutes.
    since = (datetime.now(UTC) - timedelta(minutes=30)).replace(second=0, microsecond=0)
    file.add(Schedule("hourly", "", "/r.yaml", every=3600, since=since.isoformat()))
    file.add(Schedule("minutes", "", "/r.yaml", every=300))
    file.add(Schedule("rests", "0 2 * * *", "/r.yaml", paused=True))
    file.add(Schedule("waits", "", "/r.yaml", on="version:toy"))
    now = datetime.now(UTC)
    with Reader.open(root) as reader:
        rows = {row.schedule.name: row for row in schedules(reader)}
    assert list(rows) == ["minutes", "hourly", "rests", "waits"]
    assert {name: (len(row.next_five), len(row.next_day)) for name, row in rows.items()} == {
        "minutes": (5, MOST_DUE),
        "hourly": (5, 24),
        "rests": (0, 0),
        "waits": (0, 0),
    }
    assert all(now < when <= now + timedelta(days=1, minutes=1) for when in rows["hourly"].next_day)
    assert {when.minute for when in rows["hourly"].next_day} == {since.minute}


def test_the_next_firing_goes_on_with_the_last_one_that_is_unfinished(root: Path) -> None:
    Schedules(root / ".rollmill").add(Schedule("nightly", "0 2 * * *", "/r.yaml"))

    def goes_on() -> list[tuple[str, bool]]:
        with Reader.open(root) as reader:
            [row] = schedules(reader)
        return [(firing.status, row.goes_on(firing)) for firing in row.firings]

    with Workspace.open(root) as ws:
        assert goes_on() == []
        for status in ("failed", "failed"):
            ws.firings.end(ws.firings.begin("nightly", "/r.yaml").id, status, "", None)
        assert goes_on() == [("failed", True), ("failed", False)]
        ws.firings.skip("nightly", "/r.yaml", "the one before still ran")
        assert goes_on() == [("skipped", False), ("failed", True), ("failed", False)]
        ws.firings.end(ws.firings.begin("nightly", "/r.yaml").id, "refused", "", None)
        assert goes_on()[0] == ("refused", False)
        assert goes_on()[2] == ("failed", False)


def test_a_dashboard_knows_whether_the_server_started_it(root: Path) -> None:
    with Reader.open(root) as reader:
        assert service(reader) == Service("down")
    me = this_process()
    assert not is_parent(Service("down"))
    assert not is_parent(Service("up", Standing(me, 4200, root)))  # this process is not its own parent
    parent = replace(me, pid=os.getppid())
    assert is_parent(Service("up", Standing(parent, 4200, root)))
    assert not is_parent(Service("up", Standing(replace(parent, host="elsewhere/1"), 4200, root)))
