"""The schedule file: cron lines, pausing, and two writers at once. No server is needed for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.prefect.schedules import Scheduled, Schedules, checked_cron
from storage.errors import SetupError
from tests.flows.conftest import Run


def test_add_pause_resume_remove(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    assert schedules.all() == []
    schedules.add(Scheduled("b", "0 2 * * *", "/r.yaml", sets=("seed=1",)))
    schedules.add(Scheduled("a", "0 3 * * *", "/r.yaml"))
    assert [item.name for item in schedules.all()] == ["a", "b"]
    assert schedules.get("b").sets == ("seed=1",)
    schedules.pause("b", paused=True)
    assert schedules.get("b").next_time(datetime.now(UTC)) is None
    schedules.pause("b", paused=False)
    schedules.remove("a")
    assert [item.name for item in schedules.all()] == ["b"]
    with pytest.raises(SetupError, match="unknown schedule 'a'"):
        schedules.remove("a")


def test_the_next_time_is_of_its_own_zone() -> None:
    item = Scheduled("a", "0 2 * * *", "/r.yaml", timezone="Europe/Berlin")
    fires = item.next_time(datetime(2026, 1, 10, 12, 0, tzinfo=UTC))
    assert fires is not None
    assert fires.isoformat() == "2026-01-11T02:00:00+01:00"


@pytest.mark.parametrize("cron", ["* * * *", "@daily", "61 * * * *", "0 2 30 2 *x", ""])
def test_a_wrong_cron_line_is_refused(cron: str) -> None:
    with pytest.raises(SetupError, match="cron"):
        checked_cron(cron, "UTC")


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> None:
        Schedules(tmp_path).add(Scheduled(f"s{number}", "0 2 * * *", "/r.yaml"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(Schedules(tmp_path).all()) == 24


def test_the_verbs_say_that_schedules_need_up(toy: Path, rollmill: Run) -> None:
    said = rollmill("schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--set", "seed=5")
    assert said.status == 0
    assert "Scheduled toy: 0 2 * * * UTC, next " in said.out
    assert "Not served: schedules fire only while `rollmill up` runs. Next: rollmill up" in said.out
    assert json.loads((toy / ".rollmill" / "schedules.json").read_text())[0]["recipe"] == str(toy / "toy.yaml")
    assert "toy is paused." in rollmill("schedule", "pause", "toy").out
    assert "paused" in rollmill("schedule", "list").out
    assert "toy is on, next " in rollmill("schedule", "resume", "toy").out
    now = rollmill("schedule", "run-now", "toy")
    assert (now.status, "needs a standing server" in now.err) == (2, True)
    assert rollmill("schedule", "remove", "toy", "--dry-run").status == 0
    assert "Removed toy." in rollmill("schedule", "remove", "toy").out
    assert "No schedules." in rollmill("schedule", "list").out
    assert "Nothing is up in this workspace." in rollmill("down").out
