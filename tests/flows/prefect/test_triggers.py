"""What schedules wait for: a dataset's newest version, a model's files, what a real server says of a model."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from flows.prefect.triggers import checked_on, observed
from storage.ground.errors import SetupError
from storage.schedules import Schedule
from tests.flows.evaluation.test_evaluate import EVALUATION


def waits(toy: Path, on: str, verb: str = "evaluate", profile: str | None = None) -> Schedule:
    name = "sums.yaml" if verb == "evaluate" else "toy.yaml"
    (toy / "sums.yaml").write_text(EVALUATION)
    return Schedule("on", "", str(toy / name), on=on, verb=verb, profile=profile)


@pytest.fixture
def models() -> Iterator[tuple[int, list[dict[str, object]]]]:
    """The port of a model server, and its list of models."""
    rows: list[dict[str, object]] = []

    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"data": rows}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Models) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port, rows
        server.shutdown()
        thread.join()


def test_a_models_folder_is_another_one_when_a_file_of_it_changes(toy: Path) -> None:
    item = waits(toy, "model:good")
    assert observed(item, toy) is None
    (toy / "toy-1").mkdir()
    assert observed(item, toy) is None  # a folder without files holds no model yet
    (toy / "toy-1" / "weights").write_text("one")
    first = observed(item, toy)
    assert (first is None, observed(item, toy) == first) == (False, True)
    (toy / "toy-1" / "weights").write_text("three")
    assert observed(item, toy) not in (None, first)


def test_a_models_server_says_whether_it_is_another_one(toy: Path, models: tuple[int, list[dict[str, object]]]) -> None:
    port, rows = models
    (toy / "served.yaml").write_text(f"profile_schema: 1\nservers:\n  - {{url: 'http://127.0.0.1:{port}/v1'}}\n")
    item = waits(toy, "model:good", profile=str(toy / "served.yaml"))
    assert observed(item, toy) is None
    rows.append({"id": "toy-1", "root": "weights-1", "created": 1})
    first = observed(item, toy)
    rows[0]["created"] = 2  # vLLM says the present time there
    assert (first is None, observed(item, toy) == first) == (False, True)
    rows[0]["root"] = "weights-2"
    assert observed(item, toy) not in (None, first)


@pytest.mark.parametrize(
    ("on", "verb", "message"),
    [
        ("moon:full", "evaluate", "--on 'moon:full' is not known"),
        ("version:", "evaluate", "--on 'version:' is not known"),
        ("model:good", "curate", "takes an evaluation"),
        ("model:bad", "evaluate", "model 'bad'"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(toy: Path, on: str, verb: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        checked_on(waits(toy, on, verb), toy)
