"""A model server that answers the question for its models with what has no end or is no list: it is passed over."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rollmill.flows.prefect import triggers
from rollmill.flows.recipe.profile import Profile

pytestmark = pytest.mark.security
ANSWERS: dict[str, bytes] = {
    "a list": b"[]",
    "no list": b'{"data": 3}',
    "a list of texts": b'{"data": ["toy-1"]}',
    "nested": b'{"data": ' + b"[" * 100_000,
    "text": b"<html>",
    "too long": b" " * 70_000_000,
}


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    answer: bytes | None = request.param

    class Models(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while answer is None:  # a byte at a time, for ever
                    self.wfile.write(b" ")
                    time.sleep(0.05)
                self.wfile.write(answer)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Models) as made:
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/v1"
        made.shutdown()
        thread.join()


def asked(url: str) -> str | None:
    return triggers._model_on_server(Profile.model_validate({"servers": [{"url": url}]}), "toy-1")


@pytest.mark.parametrize("server", ANSWERS.values(), ids=ANSWERS, indirect=True)
def test_an_answer_that_is_no_list_of_models_is_passed_over(server: str) -> None:
    assert asked(server) is None


@pytest.mark.parametrize("server", [None], indirect=True)
def test_an_answer_without_end_is_not_waited_for(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "MODELS_SECONDS", 1.0)
    began = time.monotonic()
    assert asked(server) is None
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("server", [json.dumps({"data": [3, {"id": "toy-1"}]}).encode()], indirect=True)
def test_a_model_beside_nonsense_is_found(server: str) -> None:
    assert asked(server) is not None
