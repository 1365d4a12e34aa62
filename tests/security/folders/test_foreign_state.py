"""A folder that brings its own `.rollmill/`: `rollmill up` runs no notification, asks no server and fires nothing of it.

Everything is planted by hand, as an archive would bring it, and runs under a real `rollmill up`.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rollmill.storage.ledger.models import FiringRow
from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import Notify, Schedule
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Said, finish, start
from tests.storage.versions.conftest import build
from tests.waiting import until

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
TOYS = Path(__file__).parents[2] / "toys.py"
LOOKS = 15.0  # seconds in which the triggers are looked at twice, and firings and notifications several times


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a model server, and the keys that it was sent."""
    keys: list[str] = []

    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(self.headers["Authorization"])
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Models) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", keys
        server.shutdown()
        thread.join()


class Archive:
    """An unpacked folder with a recipe, a profile, a dataset, schedules, and firings in its ledger."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.state = folder, folder / ".rollmill"
        self.told, self.imported = folder / "told", folder / "imported"
        with Workspace.init(folder) as workspace:
            publish(workspace, build(), report_html="", report_json={})
            begun = workspace.firings.begin("told", str(folder / "toy.yaml"))
            with workspace.ledger.write() as session:
                session.get_one(FiringRow, begun.id).started -= 1  # its process is gone
            workspace.firings.due("fires", str(folder / "toy.yaml"), "00000000-0000-0000-0000-000000000001", 1.0)
        (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
        (folder / "toy.yaml").write_text(RECIPE)
        (folder / "toys.py").write_text(f"{TOYS.read_text()}\nopen({str(self.imported)!r}, 'w').close()\n")
        (folder / "p.yaml").write_text(f"profile_schema: 1\nservers:\n  - {{url: '{url}', key_env: TOY_KEY}}\n")
        self.plant(
            Schedule("told", "* * * * *", self.recipe, notify=Notify(f"touch {self.told}", when="always")),
            Schedule("asks", "", self.recipe, on="model:toy-1", profile=str(folder / "p.yaml")),
            Schedule("fires", "", self.recipe, on="version:toy", notify=Notify(f"tee -a {self.told}", when="always")),
        )
        (self.state / "schedules.watched").touch()
        long_ago = time.time() - 600
        os.utime(self.state / "schedules.watched", (long_ago, long_ago))  # ten times of `told` were missed

    @property
    def recipe(self) -> str:
        return str(self.folder / "toy.yaml")

    def plant(self, *items: Schedule) -> None:
        rows = [{key: value for key, value in asdict(item).items() if key != "own"} for item in items]
        (self.state / "schedules.json").write_text(json.dumps(rows))

    def run(self, *arguments: str) -> Said:
        return finish(start(*arguments, cwd=self.folder))

    def firings(self, schedule: str) -> list[Firing]:
        """The newest first."""
        with Workspace.open(self.folder) as workspace:
            return workspace.firings.recent(schedule, 100)


@pytest.fixture
def archive(
    tmp_path: Path, asked: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Archive, list[str]]]:
    url, keys = asked
    monkeypatch.setenv("TOY_KEY", "of-the-person")
    made = Archive(tmp_path / "ws", url)
    yield made, keys
    made.run("down")


def test_up_runs_nothing_of_schedules_that_came_with_the_folder(archive: tuple[Archive, list[str]]) -> None:
    folder, keys = archive
    up = folder.run("up", "--dashboard", "0")
    assert up.status == 0, up.err
    assert "3 schedules were not written here and do not fire: asks, fires, told." in up.err
    began = time.time()
    assert until(lambda: (folder.state / "schedules.watched").stat().st_mtime > began, 60)
    time.sleep(LOOKS)
    assert (folder.told.exists(), folder.imported.exists(), keys) == (False, False, [])
    assert [firing.status for firing in folder.firings("told")] == ["killed"]
    assert [firing.status for firing in folder.firings("fires")] == ["skipped"]
    assert folder.firings("asks") == []
    assert not (folder.state / "logs" / "up.log").read_text().count("Error")

    now = folder.run("schedule", "run-now", "fires")
    assert (now.status, "schedule 'fires' was not written here" in now.err) == (2, True)
    assert folder.run("schedule", "accept", "asks").status == 0
    assert until(lambda: keys, 60)
    assert set(keys) == {"Bearer of-the-person"}
    assert folder.run("schedule", "accept", "fires").status == 0
    assert until(folder.told.exists, 120)
    assert [firing.status for firing in folder.firings("fires")] == ["done", "skipped"]
    assert [firing.status for firing in folder.firings("told")] == ["killed"]


def test_rows_that_were_signed_elsewhere_or_changed_since_are_not_fired(archive: tuple[Archive, list[str]]) -> None:
    folder, keys = archive
    other = Archive(folder.folder.parent / "other", "http://127.0.0.1:1/v1")
    assert other.run("schedule", "accept", "fires").status == 0
    [signed] = [row for row in json.loads((other.state / "schedules.json").read_text()) if row["name"] == "fires"]
    shutil.copyfile(other.state / "schedules.json", folder.state / "schedules.json")
    assert folder.run("schedule", "accept", "asks").status == 0
    rows = {row["name"]: row for row in json.loads((folder.state / "schedules.json").read_text())}
    assert rows["fires"] == signed  # kept as it came
    rows["asks"]["notify"]["command"] = f"touch {folder.told}"
    (folder.state / "schedules.json").write_text(json.dumps(list(rows.values())))
    listed = json.loads(folder.run("schedule", "list", "--json").out)["schedules"]
    assert [(row["name"], row["own"]) for row in listed] == [("asks", False), ("fires", False), ("told", False)]
    assert (keys, folder.told.exists()) == ([], False)
