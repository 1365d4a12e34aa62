"""The schedule file: cron lines, pausing, and two writers at once. No server is needed for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.ground.errors import SetupError
from storage.schedules import Notify, Schedule, Schedules, checked_cron, seconds_of


def test_add_pause_resume_remove(tmp_path: Path) -> None:
    schedules = Schedules(tmp_path)
    assert schedules.all() == []
    schedules.add(Schedule("b", "0 2 * * *", "/r.yaml", sets=("seed=1",)))
    schedules.add(Schedule("a", "0 3 * * *", "/r.yaml"))
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
    item = Schedule("a", "0 2 * * *", "/r.yaml", timezone="Europe/Berlin")
    fires = item.next_time(datetime(2026, 1, 10, 12, 0, tzinfo=UTC))
    assert fires is not None
    assert fires.isoformat() == "2026-01-11T02:00:00+01:00"


@pytest.mark.parametrize("cron", ["* * * *", "@daily", "61 * * * *", "0 2 30 2 *x", ""])
def test_a_wrong_cron_line_is_refused(cron: str) -> None:
    with pytest.raises(SetupError, match="cron"):
        checked_cron(cron, "UTC")


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    def add(number: int) -> None:
        Schedules(tmp_path).add(Schedule(f"s{number}", "0 2 * * *", "/r.yaml"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert len(Schedules(tmp_path).all()) == 24


def test_intervals_count_from_when_the_schedule_was_made() -> None:
    item = Schedule("a", "", "/r.yaml", every=21_600, since="2026-01-10T01:30:00+00:00", timezone="Europe/Berlin")
    noon = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
    assert item.next_five(noon)[:2] == ["2026-01-10T14:30+01:00", "2026-01-10T20:30+01:00"]
    assert item.next_five(datetime(2026, 1, 9, tzinfo=UTC))[0] == "2026-01-10T02:30+01:00"
    assert item.words == "Every 6 hours"
    assert replace(item, every=1800).words == "Every 30 minutes"
    assert [seconds_of("30m"), seconds_of("6h")] == [1800, 21_600]


@pytest.mark.parametrize("every", ["", "30", "0m", "24h", "1d", "-1h", "6H"])
def test_a_wrong_interval_is_refused(every: str) -> None:
    with pytest.raises(SetupError, match="minutes or hours, less than a day"):
        seconds_of(every)


def test_words_zones_and_what_is_waited_for() -> None:
    assert Schedule("a", "30 3 * * 1", "/r.yaml", timezone="Asia/Tokyo").words == "At 03:30 on Monday (Asia/Tokyo)"
    waits = Schedule("a", "", "/r.yaml", on="version:sums")
    assert (waits.words, waits.next_five(datetime.now(UTC))) == ("When dataset sums has a new version", [])
    assert replace(waits, on="model:tiny").words == "When model tiny is a new one"


def test_a_file_of_before_is_read(tmp_path: Path) -> None:
    row = {"name": "a", "cron": "0 2 * * *", "recipe": "/r.yaml", "timezone": "UTC", "sets": ["seed=1"], "profile": None}
    (tmp_path / "schedules.json").write_text(json.dumps([{**row, "paused": False, "fresh": None, "verb": "curate"}]))
    schedules = Schedules(tmp_path)
    assert schedules.get("a") == Schedule("a", "0 2 * * *", "/r.yaml", sets=("seed=1",))
    schedules.add(Schedule("b", "", "/r.yaml", on="version:sums", notify=Notify("mail me", "HOOK", "always")))
    schedules.record_seen("b", "sums@v1")
    schedules.record_seen("gone", "sums@v1")
    again = schedules.get("b")
    assert (again.seen, again.notify) == ("sums@v1", Notify("mail me", "HOOK", "always"))
