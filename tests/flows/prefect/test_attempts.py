"""A start of a schedule: tried again, left out, told to a program and to a real web server."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from rollmill.flows.driver import Direct, JobKind, Outcome
from rollmill.flows.job import Job
from rollmill.flows.prefect.attempts import attempts
from rollmill.flows.prefect.firing import fire
from rollmill.ground.errors import FoundWanting, SetupError, Unavailable
from rollmill.storage.schedules import Notify, Schedule, Schedules
from rollmill.storage.workspace import Workspace
from tests.flows.cli.engines.test_openai import PROFILE, RECIPE
from tests.flows.prefect.test_firing import Ends, job, last
from tests.pipelines.generate.http.serving import Serving


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a server was told; its address is in ALERTS. It has lost its page /gone."""
    rows: list[dict[str, Any]] = []

    class Alerts(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            rows.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))  # before the sender may go on
            self.send_response(404 if self.path == "/gone" else 204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Alerts) as server:
        monkeypatch.setenv("ALERTS", f"http://127.0.0.1:{server.server_port}/alerts")
        monkeypatch.setenv("LOST", f"http://127.0.0.1:{server.server_port}/gone")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield rows
        server.shutdown()
        thread.join()


def start(toy: Path, ends: list[Exception | None], **options: Any) -> list[str]:
    """The ends of the firings of one start, whose attempts end like this in turn."""
    Schedules(toy / ".rollmill").add(Schedule("nightly", "0 2 * * *", str(toy / "toy.yaml"), retry_delay=0, **options))
    left = iter(ends)

    def once() -> Outcome:
        return fire("nightly", None, job(toy), Ends(next(left)))

    try:
        attempts("nightly", job(toy), once)
    except Exception as error:
        assert error is ends[-1]  # noqa: PT017
    assert list(left) == []
    with Workspace.open(toy) as workspace:
        return [firing.status for firing in reversed(workspace.firings.recent("nightly"))]


def test_what_failed_is_tried_again_and_only_the_end_is_told(toy: Path, posted: list[dict[str, Any]]) -> None:
    options: dict[str, Any] = {"notify": Notify(f"tee -a {toy / 'told'}", "ALERTS", "always"), "retries": 2}
    assert start(toy, [OSError("no space left"), None], **options) == ["failed", "done"]
    assert [(row["schedule"], row["status"], row["text"]) for row in posted] == [
        ("nightly", "done", "Rollmill: schedule nightly done. toy@v1 published, 7 drawn")
    ]
    assert json.loads((toy / "told").read_text()) == posted[0]
    assert {"id", "recipe"} & set(posted[0]) == set()


def test_a_mistake_is_not_tried_again_and_what_may_pass_is(toy: Path) -> None:
    full = Unavailable("no space left to write the ledger; everything committed before is safe.")
    assert start(toy, [SetupError("unknown verifier 'maths'.")], retries=2) == ["failed"]
    assert start(toy, [full, full, None], retries=2) == ["failed", "failed", "failed", "done"]


@pytest.mark.integration
def test_a_model_server_that_is_down_is_asked_again_when_it_is_up(ten_sums: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_KEY", "k")
    (ten_sums / "remote.yaml").write_text(RECIPE)
    server = Serving()
    server.start()
    server.kill()  # its port is known, and nothing listens there
    (ten_sums / "p.yaml").write_text(PROFILE.replace("URL", server.url).replace("patience: 5", "patience: 0.2"))
    curation = Job(str(ten_sums), str(ten_sums / "remote.yaml"), profile=str(ten_sums / "p.yaml"))
    Schedules(ten_sums / ".rollmill").add(Schedule("nightly", "0 2 * * *", curation.recipe, retries=1, retry_delay=0))

    class Restarting(Direct):
        def all_stages(self, kind: JobKind[Any], target: Any) -> Outcome:
            with Workspace.open(ten_sums) as workspace:
                if len(workspace.firings.recent("nightly")) == 2:
                    server.start()
            return super().all_stages(kind, target)

    try:
        outcome = attempts("nightly", curation, partial(fire, "nightly", None, curation, Restarting()))
    finally:
        server.kill()
    assert outcome["spent"]["drawn"] == 40
    with Workspace.open(ten_sums) as workspace:
        done, failed = workspace.firings.recent("nightly")
    assert (failed.status, done.status) == ("failed", "done")
    assert failed.said.startswith("no server has answered for 0 seconds")


def test_retries_end_and_a_gates_no_is_not_tried_again(toy: Path, posted: list[dict[str, Any]]) -> None:
    failing: dict[str, Any] = {"notify": Notify(None, "ALERTS"), "retries": 1}
    assert start(toy, [OSError("first"), OSError("second")], **failing) == ["failed", "failed"]
    assert start(toy, [FoundWanting("the gate refused")], **failing) == ["failed", "failed", "refused"]
    assert start(toy, [None], **failing)[-1] == "done"  # told where it fails alone
    assert [(row["status"], row["said"]) for row in posted] == [
        ("failed", "OSError: second"),
        ("refused", "the gate refused"),
    ]


def test_what_went_wrong_with_the_telling_is_in_the_ledger_without_the_address(
    toy: Path, posted: list[dict[str, Any]]
) -> None:
    start(toy, [None], notify=Notify("false", "LOST", "always"))
    wrong = "the notification's command ended with status 1; the webhook in LOST failed (404)"
    assert (last(toy).status, last(toy).said) == ("done", f"toy@v1 published, 7 drawn; {wrong}")
    start(toy, [None], notify=Notify("no-such-program", "UNSET", "always"))
    wrong = (
        "the notification's command failed (FileNotFoundError); UNSET holds no http address where `rollmill up` was started"
    )
    assert last(toy).said == f"toy@v1 published, 7 drawn; {wrong}"


def test_a_schedule_that_was_removed_or_is_not_own_does_nothing(toy: Path) -> None:
    row = {"name": "theirs", "cron": "0 2 * * *", "recipe": str(toy / "toy.yaml"), "sets": []}
    (toy / ".rollmill" / "schedules.json").write_text(json.dumps([row]))
    for name in ("gone", "theirs"):
        assert attempts(name, job(toy), lambda: {"done": 1}) == {"skipped": name}
