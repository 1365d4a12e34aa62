"""Attacks on `rollmill reward serve`: callers without its secret, pages of the web, and requests that would exhaust it."""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT

pytestmark = pytest.mark.security
ASKED = {"items": [{"completion": "4", "reference": "4"}]}
BODY = 32 << 20


class Served:
    """A server in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [
            sys.executable,
            "-m",
            "rollmill.flows.cli",
            "reward",
            "serve",
            "tests.flows.rewards.toys:Forgetful",
            "--port",
            "0",
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.printed = self.process.stdout.readline().split()[0]
        parts = urlsplit(self.printed)
        self.port, self.secret = parts.port or 0, parts.password or ""
        self.bearer = {"Authorization": f"Bearer {self.secret}"}

    def ask(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and text of an answer."""
        sent = {**({} if body is None else {"Content-Type": "application/json"}), **(headers or {})}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET" if body is None else "POST", path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def peak(self) -> int:
        """Most memory that the server's process has had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def connect(self, sent: bytes) -> socket.socket:
        """A connection with these bytes sent."""
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        opened.sendall(sent)
        return opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("rewards")
    Workspace.init(folder).close()
    server = Served(folder)
    yield server
    server.process.terminate()
    server.process.communicate(timeout=30)


def test_the_printed_address_asks_as_it_stands_and_nobody_without_its_secret(served: Served) -> None:
    assert len(served.secret) >= 32
    body = json.dumps(ASKED).encode()
    basic = base64.b64encode(f"rollmill:{served.secret}".encode()).decode()
    for header in (served.bearer, {"Authorization": f"Basic {basic}"}):
        status, answer = served.ask("/v1/judge", body, header)
        assert (status, json.loads(answer)["rewards"][0]["value"]) == (200, 1.0)
    wrong = base64.b64encode(b"rollmill:x").decode()
    given: dict[str, str]
    for given in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {wrong}"}, {"Authorization": "Basic \xe9"}):
        for path, sent in (("/v1/judge", body), ("/openrlhf", body), ("/metrics", None)):
            assert served.ask(path, sent, given)[0] == 401, (given, path)
    assert served.ask("/health") == (200, b'{"ok": true}')  # no name of a verifier or a log
    assert b"forgetful 1" in served.ask("/health", headers=served.bearer)[1]


def test_the_secret_is_in_no_command_line(served: Served) -> None:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert lines
    assert not any(served.secret.encode() in line for line in lines)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/judge", "/health"])
def test_a_page_of_the_web_gets_no_answer_even_with_the_secret(served: Served, path: str, headers: dict[str, str]) -> None:
    body = json.dumps(ASKED).encode() if path == "/v1/judge" else None
    sent = {name: value.format(port=served.port) for name, value in headers.items()}
    status, answer = served.ask(path, body, {**served.bearer, **sent})
    assert status == 403
    assert b"forgetful" not in answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"items": [], "deadline_ms": %s}' % ("9" * 4_000), 422),
        ('{"items": [], "deadline_ms": 1e999}', 422),
        ('{"items": [], "deadline_ms": -1e999}', 422),
        ('{"items": [], "deadline_ms": NaN}', 422),
        ('{"items": [], "deadline_ms": -0}', 200),
        ('{"items": [], "deadline_ms": -0.0}', 200),
        ('{"items": [], "deadline_ms": true}', 422),
        ('{"items": [], "deadline_ms": %s}' % ("9" * 5_000), 400),
        ('{"items": [], "step": %s}' % ("9" * 4_000), 422),
        ('{"items": [], "step": 9223372036854775808}', 422),
        ('{"items": [], "step": 1e999}', 422),
        ('{"items": [{"completion": "4", "reference": %s}]}' % ("9" * 4_000), 200),
        ('{"items": [{"completion": "4", "reference": 1e999}]}', 422),
        ('{"items": [{"completion": "4", "reference": NaN}]}', 422),
        ('{"items": [{"completion": "4", "reference": "\\ud800", "problem_id": "\\ud800", "kind": "\\u0000"}]}', 200),
        ('{"items": [{"completion": [{"role": "assistant", "content": %s}]}]}' % ("[" * 900 + "]" * 900), 422),
        ('{"items": [{"completion": "4", "reference": "4", "prompt": %s}]}' % ("[" * 900 + "]" * 900), 422),
        ('{"items": [{"completion": "4", "reference": "4", "prompt": [{}, 3, null]}]}', 422),
        ('{"query": ["a"], "prompts": ["a"], "labels": [%s]}' % ("[" * 900 + "]" * 900), 422),
    ],
)
def test_no_number_and_no_nesting_is_more_than_a_refusal(served: Served, body: str, status: int) -> None:
    path = "/openrlhf" if body.startswith('{"query') else "/v1/judge"
    assert served.ask(path, body.encode(), served.bearer)[0] == status
    assert served.process.poll() is None


def slowest_health(served: Served, ended: threading.Event) -> float:
    """Seconds of the slowest answer of /health until then."""
    slowest = 0.0
    while not ended.is_set():
        begun = time.monotonic()
        assert served.ask("/health")[0] == 200
        slowest = max(slowest, time.monotonic() - begun)
        ended.wait(0.05)
    return slowest


WIDE = "😀".encode()  # one character of four bytes makes each of the others in its text as large in memory
LONG = b'{"completion": "%s", "reference": "4"}'
HEAVY = {
    "objects": (b'{"items": [' + b"{}," * (BODY // 3 - 9) + b"{}]}", {413}),
    "lists": (b"[" * (BODY - 2), {400, 413}),
    "texts": (b'{"items": [' + b'"",' * (BODY // 3 - 9) + b'""]}', {413}),
    "numbers": (b'{"items": [' + b"1," * (BODY // 2 - 9) + b"1]}", {413}),
    "an unclosed text of quotes": (b'{"items": "' + b'\\"' * (BODY // 2 - 9), {413}),
    "one long text": (b'{"items": [' + LONG % (WIDE + b"x" * (BODY - 99)) + b"]}", {413}),
    "long texts": (b'{"items": [' + b",".join([LONG % (WIDE + b"x" * ((4 << 20) - 99))] * 8) + b"]}", {200, 429}),
}


@pytest.mark.parametrize("name", HEAVY)
def test_eight_of_the_largest_bodies_take_little_memory_and_hold_up_nobody(served: Served, name: str) -> None:
    body, statuses = HEAVY[name]
    Path(f"/proc/{served.process.pid}/clear_refs").write_text("5")  # the peak counts from here
    ended = threading.Event()
    with ThreadPoolExecutor(9) as threads:
        health = threads.submit(slowest_health, served, ended)
        answers = list(threads.map(lambda _: served.ask("/v1/judge", body, served.bearer)[0], range(8)))
        ended.set()
        assert health.result() < 10  # over 60 s before bodies were bounded; a second on a free machine
    assert set(answers) <= {*statuses, 429}  # bodies that waited too long for their place on a busy machine
    assert statuses & set(answers)
    peak = served.peak()
    # Texts that are as large as that are parsed all the same: they and their copies take more than what is refused.
    assert peak < (500e6 if 200 in statuses else 400e6), f"{peak / 1e6:,.0f} MB"


def test_nobody_without_the_secret_sends_a_body(served: Served) -> None:
    head = b"POST /v1/judge HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    with served.connect(head % served.port) as stranger:
        answer = b""
        while part := stranger.recv(4_096):  # until it is closed
            answer += part
        assert answer.startswith(b"HTTP/1.1 401")


def test_half_requests_are_closed_and_others_are_answered_meanwhile(served: Served) -> None:
    host = b"Host: 127.0.0.1:%d\r\n" % served.port
    admitted = b"Authorization: Bearer " + served.secret.encode() + b"\r\nContent-Type: application/json\r\n"
    halves = [b"", b"POST /v1/judge HTTP/1.1\r\n" + host, b"POST /v1/judge HTTP/1.1\r\n" + host + admitted]
    halves.append(halves[-1] + b'Content-Length: 5000\r\n\r\n{"items": [')
    halves.append(halves[-2] + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"ite')
    begun = time.monotonic()
    opened = [served.connect(halves[number % len(halves)]) for number in range(600)]
    try:
        for path in ("/health", "/metrics", "/health"):
            asked = time.monotonic()
            assert served.ask(path, headers=served.bearer)[0] == 200
            assert time.monotonic() - asked < 1.0
        asked = time.monotonic()
        while time.monotonic() - begun < 15:  # more bytes of the same head buy no time
            for half in opened[1 : 600 : len(halves)]:
                with suppress(OSError):
                    half.sendall(b"X-A: b\r\n")
            time.sleep(1)
        for half in opened:
            half.settimeout(10)
            with suppress(ConnectionResetError):
                while half.recv(4_096):  # 408 or 429 for a body, and the end
                    pass
        assert time.monotonic() - begun < 40
        assert served.ask("/v1/judge", json.dumps(ASKED).encode(), served.bearer)[0] == 200
    finally:
        for half in opened:
            half.close()


def test_an_ordinary_client_asks_the_printed_address(served: Served) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    import asyncio

    async def ask() -> float:
        async with aiohttp.ClientSession() as session, session.post(served.printed, json=ASKED) as answer:
            return float((await answer.json())["rewards"][0]["value"])

    assert asyncio.run(ask()) == 1.0
