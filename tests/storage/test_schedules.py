"""The schedule file: cron lines, pausing, and two writers at once. No server is needed for it."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.schedules import Notify, Schedule, Schedules, checked_cron, seconds_of


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
    assert schedules.get("a") == Schedule("a", "0 2 * * *", "/r.yaml", sets=("seed=1",), own=False)
    schedules.add(schedules.get("a"))  # accepted
    assert schedules.get_own("a") == Schedule("a", "0 2 * * *", "/r.yaml", sets=("seed=1",))
    schedules.add(Schedule("b", "", "/r.yaml", on="version:sums", notify=Notify("mail me", "HOOK", "always")))
    schedules.record_seen("b", "sums@v1")
    schedules.record_seen("gone", "sums@v1")
    again = schedules.get("b")
    assert (again.seen, again.notify) == ("sums@v1", Notify("mail me", "HOOK", "always"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's own folder of states, without a key yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def planted(state: Path, *rows: dict[str, Any]) -> Schedules:
    """A file of schedules that came with a folder."""
    usual = {"cron": "0 2 * * *", "recipe": "/r.yaml", "sets": []}
    state.mkdir(exist_ok=True)
    (state / "schedules.json").write_text(json.dumps([{**usual, **row} for row in rows]))
    return Schedules(state)


def test_schedules_that_came_with_a_folder_are_shown_and_are_not_own(home: Path, tmp_path: Path) -> None:
    theirs = {"name": "theirs", "notify": {"command": "touch it"}, "signature": "0" * 64}
    schedules = planted(tmp_path / "ws", theirs, {"name": "older"})
    assert ([item.name for item in schedules.all()], schedules.own()) == (["older", "theirs"], [])
    assert not home.exists()  # reading makes no key
    assert schedules.get("theirs").next_five(datetime.now(UTC)) == []
    before = json.loads((tmp_path / "ws" / "schedules.json").read_text())[0]
    schedules.add(Schedule("mine", "0 3 * * *", "/r.yaml"))
    schedules.pause("mine", paused=True)
    assert [item.name for item in schedules.own()] == ["mine"]
    assert before in json.loads((tmp_path / "ws" / "schedules.json").read_text())  # as it came
    with pytest.raises(SetupError, match=r"schedule 'theirs' was not written here.*Next: rollmill schedule accept theirs"):
        schedules.pause("theirs", paused=False)
    schedules.add(schedules.get("theirs"))
    assert [item.name for item in schedules.own()] == ["mine", "theirs"]
    schedules.remove("older")
    assert [item.name for item in schedules.all()] == ["mine", "theirs"]


def test_a_signature_holds_for_a_row_in_a_folder(home: Path, tmp_path: Path) -> None:
    root, copy = tmp_path / "root", tmp_path / "copy"
    root.mkdir()
    ws = root / "ws"
    Schedules(ws).add(Schedule("a", "", "/r.yaml", on="version:sums"))
    Schedules(ws).record_seen("a", "sums@v1 00")  # `up` writes it, and signs nothing
    assert Schedules(ws).get_own("a").seen == "sums@v1 00"
    shutil.copytree(ws, copy)
    assert Schedules(copy).own() == []
    (tmp_path / "link").symlink_to(root)
    assert len(Schedules(tmp_path / "link" / "ws").own()) == 1
    (copy / "ws").symlink_to(ws)  # a clone with a link for its folder of schedules
    assert Schedules(copy / "ws").own() == []
    [row] = json.loads((ws / "schedules.json").read_text())
    assert [len(planted(ws, {**row, **change}).own()) for change in ({}, {"recipe": "/s.yaml"}, {"paused": True})] == [
        1,
        0,
        0,
    ]
    ws.rename(tmp_path / "moved")
    assert Schedules(tmp_path / "moved").own() == []


def test_the_key_is_the_persons_alone(home: Path, tmp_path: Path) -> None:
    key = home / "rollmill" / "schedule-key"
    schedules = Schedules(tmp_path / "ws")
    schedules.add(Schedule("a", "0 2 * * *", "/r.yaml"))
    assert (key.stat().st_mode & 0o777, len(key.read_text())) == (0o600, 65)
    assert [path.name for path in key.parent.iterdir()] == ["schedule-key"]
    key.chmod(0o640)
    with pytest.raises(SetupError, match=r"schedule-key is not yours alone: it is not read\. Next: chmod 600"):
        schedules.own()
    key.chmod(0o600)
    key.write_text("0")
    with pytest.raises(SetupError, match=r"schedule-key is damaged\. Next: rm"):
        schedules.own()
    key.unlink()
    assert schedules.own() == []
    key.symlink_to(tmp_path / "theirs")
    with pytest.raises(SetupError, match=r"the key that signs schedules: it is no file\. Next: export XDG_STATE_HOME"):
        schedules.add(Schedule("b", "0 2 * * *", "/r.yaml"))
    assert [item.name for item in schedules.all()] == ["a"]


def test_a_key_in_a_workspace_is_nobodys(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rollmill.toml").touch()
    (home / "rollmill").mkdir(parents=True)
    (home / "rollmill" / "schedule-key").write_text("0" * 64 + "\n")
    (home / "rollmill" / "schedule-key").chmod(0o600)
    assert planted(tmp_path / "ws", {"name": "a", "signature": "0" * 64}).own() == []
    with pytest.raises(SetupError, match=r"schedule-key lies in a workspace, which others may write"):
        Schedules(tmp_path / "ws").add(Schedule("b", "0 2 * * *", "/r.yaml"))


def test_keys_that_are_made_at_once_are_one(home: Path, tmp_path: Path) -> None:
    def add(number: int) -> None:
        Schedules(tmp_path / f"ws{number}").add(Schedule("a", "0 2 * * *", "/r.yaml"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    assert [len(Schedules(tmp_path / f"ws{number}").own()) for number in range(8)] == [1] * 8


@pytest.mark.parametrize(
    "row",
    [
        {"name": ["a"]},
        {"name": "a; touch it"},
        {"name": "a", "every": "60"},
        {"name": "a", "paused": 0},
        {"name": "a", "timezone": None},
        {"name": "a", "notify": {"command": ["touch"]}},
        {"name": "a", "sets": [1]},
        {"name": "a", "more": 1},
    ],
    ids=str,
)
def test_a_row_that_is_no_schedule_is_named(tmp_path: Path, row: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match=r"schedules\.json cannot be read: .*damaged, then schedule add"):
        planted(tmp_path, row).all()


def test_two_schedules_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="two schedules have one name"):
        planted(tmp_path, {"name": "a"}, {"name": "a"}).all()
