"""Replies that come twice or late on a kept connection, from a real server of raw sockets: each row has its own answer."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from tests.pipelines.generate.http.serving import reply_to, text_for
from tests.pipelines.generate.test_openai import QUICK, requests


class Doubling(socketserver.ThreadingTCPServer):
    """Answers each request, and a second time after `late` seconds.

    `ids`: none, one for all, or one for each; `echo`: the header of requests; `halves`: seconds between head and body.
    """

    allow_reuse_address = daemon_threads = True
    late, pace, ids, echo, halves = 0.05, 0.0, "one", False, 0.0
    seen = repeated = 0


class Connection(socketserver.StreamRequestHandler):
    """One kept connection."""

    disable_nagle_algorithm = True
    server: Doubling

    def setup(self) -> None:
        super().setup()
        self.sending = threading.Lock()

    def handle(self) -> None:
        while line := self.rfile.readline():
            headers = {}
            while (field := self.rfile.readline().strip()) != b"":
                name, _, value = field.decode().partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            if line.startswith(b"GET"):
                self.send({"data": [{"id": "toy"}]}, {})
                continue
            self.server.seen += 1
            reply = reply_to(json.loads(body))
            reply["id"] = "x" if self.server.ids == "one" else f"chatcmpl-{self.server.seen:016d}"
            if self.server.ids == "none":
                del reply["id"]
            echoed = {"X-Request-Id": headers["x-request-id"]} if self.server.echo else {}
            time.sleep(self.server.pace)
            self.send(reply, echoed)
            second = threading.Timer(self.server.late, self.again, (reply, echoed))
            second.daemon = True
            second.start()

    def again(self, value: Any, headers: dict[str, str]) -> None:
        self.send(value, headers)
        self.server.repeated += 1

    def send(self, value: Any, headers: dict[str, str]) -> None:
        data = json.dumps(value).encode()
        lines = [f"{name}: {text}" for name, text in {**headers, "Content-Length": str(len(data))}.items()]
        with self.sending, suppress(OSError, ValueError):  # the client has closed the connection, as it should
            head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *lines, "", ""])
            self.wfile.write(head.encode())
            time.sleep(self.server.halves)
            self.wfile.write(data)


@contextmanager
def doubling(concurrency: int = 1, **traits: Any) -> Iterator[tuple[Doubling, OpenAI]]:
    with Doubling(("127.0.0.1", 0), Connection) as server:
        for name, value in traits.items():
            setattr(server, name, value)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = HttpSettings(
            (Server(f"http://127.0.0.1:{server.server_address[1]}/v1", concurrency=concurrency),), **QUICK
        )
        made = OpenAI("toy", http=settings)
        try:
            yield server, made
        finally:
            made.close()
            server.shutdown()


def assert_each_has_its_own(server: Doubling, made: OpenAI, *, idle: bool = False) -> int:
    asked = requests(made, 3, 4)
    rows: dict[str, str] = {}
    for request in asked:
        rows |= {row.id: row.text for row in made.generate([request])}
        while idle and server.repeated < server.seen:
            time.sleep(0.001)
    assert rows == {one.completion_id: text_for(str(one.prompt), one.seed & 0x7FFFFFFF) for one in asked}
    return len(asked)


def test_a_second_reply_on_an_idle_connection_answers_no_request() -> None:
    """11 requests gave 12 completions."""
    with doubling(late=0.0) as (server, made):
        assert assert_each_has_its_own(server, made, idle=True) == server.seen


@pytest.mark.parametrize("traits", [{"ids": "each"}, {"echo": True}, {}, {"ids": "none"}], ids=str)
def test_a_second_reply_while_the_next_request_is_under_way_is_told_from_its_answer(traits: dict[str, Any]) -> None:
    with doubling(late=0.01, pace=0.05, **traits) as (server, made):
        asked = assert_each_has_its_own(server, made)
        assert asked < server.seen <= asked + 3


def test_requests_whose_replies_are_half_read_when_a_connection_is_mixed_up_are_asked_again() -> None:
    """They waited for ten minutes: aiohttp tells nobody who reads a body that its connection is closed."""
    with doubling(8, late=0.01, pace=0.02, ids="each", halves=0.1) as (server, made):
        asked = requests(made, 8, 8)
        rows = {row.id: row.text for row in made.generate(asked)}
        assert rows == {one.completion_id: text_for(str(one.prompt), one.seed & 0x7FFFFFFF) for one in asked}
        assert server.seen <= 64 + 2 * 8


@pytest.mark.parametrize("ids", ["none", "one"])
def test_a_server_whose_replies_are_all_alike_is_tried_once_more(ids: str) -> None:
    with doubling(late=60.0, ids=ids) as (server, made):
        asked = requests(made, 1, 1) * 5
        assert [len(list(made.generate([request]))) for request in asked] == [1] * 5
        assert server.seen == 6
