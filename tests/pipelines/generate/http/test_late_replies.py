"""Replies that come twice or late on a kept connection, from a real server of raw sockets: each row has its own answer."""

import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pipelines.generate.http.http_settings import HttpSettings, Server
from pipelines.generate.openai import OpenAI
from tests.pipelines.generate.http.serving import reply_to, text_for
from tests.pipelines.generate.test_openai import QUICK, requests


class Doubling(socketserver.ThreadingTCPServer):
    """Answers each request, and a second time after `late` seconds. `unique`: ids; `echo`: the header of requests."""

    allow_reuse_address = daemon_threads = True
    late, pace, unique, echo = 0.05, 0.0, False, False
    seen = repeated = 0


class Connection(socketserver.StreamRequestHandler):
    """One kept connection."""

    disable_nagle_algorithm = True
    server: Doubling

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
            reply = {**reply_to(json.loads(body)), "id": f"chatcmpl-{self.server.seen:016d}" if self.server.unique else "x"}
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
        try:
            head = "\r\n".join(["HTTP/1.1 200 OK", "Content-Type: application/json", *lines, "", ""])
            self.wfile.write(head.encode() + data)
            self.wfile.flush()
        except (OSError, ValueError):
            pass  # the client has closed the connection, as it should


@contextmanager
def doubling(**traits: Any) -> Iterator[tuple[Doubling, OpenAI]]:
    with Doubling(("127.0.0.1", 0), Connection) as server:
        for name, value in traits.items():
            setattr(server, name, value)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = HttpSettings((Server(f"http://127.0.0.1:{server.server_address[1]}/v1", concurrency=1),), **QUICK)
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


@pytest.mark.parametrize("trait", ["unique", "echo", "late"])
def test_a_second_reply_while_the_next_request_is_under_way_is_told_from_its_answer(trait: str) -> None:
    with doubling(**{"late": 0.01, "pace": 0.05, trait: 0.01 if trait == "late" else True}) as (server, made):
        asked = assert_each_has_its_own(server, made)
        assert server.seen == asked + 1


def test_a_server_whose_replies_are_all_alike_is_tried_once_more() -> None:
    with doubling(late=60.0, pace=0.0) as (server, made):
        asked = requests(made, 1, 1) * 3
        assert [len(list(made.generate([request]))) for request in asked] == [1, 1, 1]
        assert server.seen == 4
