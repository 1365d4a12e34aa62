"""A model server that answers the question for its models with what has no end or is no list: it is passed over."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from rollmill.flows.prefect import attempts, triggers
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


class Elsewhere(BaseHTTPRequestHandler):
    """A host to which a server sends those who ask it, and what it hears."""

    heard: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.heard.append(str(self.headers))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"data": [{"id": "toy-1"}]}')

    do_POST = do_GET  # noqa: N815 (the name of the base class)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        """Say nothing."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made.server_port
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "place", ["http://127.0.0.1:{port}/v1/models", "ftp://127.0.0.1:{port}/v1/models", "file:///etc/passwd"]
)
def test_a_redirect_carries_no_key_to_another_host(status: int, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Elsewhere.heard.clear()
    monkeypatch.setenv("THE_KEY", "sk-of-the-person")
    monkeypatch.setenv("THE_HOOK", "unset")
    with listening(Elsewhere) as other:

        class Redirects(Elsewhere):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Location", place.format(port=other))
                self.end_headers()

            do_POST = do_GET  # noqa: N815

        with listening(Redirects) as port:
            profile = {"servers": [{"url": f"http://127.0.0.1:{port}/v1", "key_env": "THE_KEY"}]}
            assert triggers._model_on_server(Profile.model_validate(profile), "toy-1") is None
            monkeypatch.setenv("THE_HOOK", f"http://127.0.0.1:{port}/hook")
            assert f"failed ({status})" in attempts._post("THE_HOOK", b"{}")
    assert Elsewhere.heard == []


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

    with listening(Models) as port:
        yield f"http://127.0.0.1:{port}/v1"


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
