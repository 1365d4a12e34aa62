"""Who may ask a server on the loopback: requests as browsers and programs send them, through the middleware."""

import asyncio
import base64
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from rollmill.pipelines.processes.local_server import LocalGuard, same

SECRET = "a-secret-of-this-start_0123456789-0123456789"  # new_secret() in a test id would differ between processes
OWN = {"host": "127.0.0.1:4200", "authorization": f"Bearer {SECRET}"}
COOKIE = {"host": "127.0.0.1:4200", "cookie": f"other=1; own-4200={SECRET}"}


async def toy(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).accept()
    else:
        headers = {"Access-Control-Allow-Origin": "*", "access-control-allow-credentials": "true"}
        await PlainTextResponse("secret rows", headers=headers)(scope, receive, send)


def ask(
    headers: dict[str, str] | list[tuple[str, str]],
    target: str = "/api/flows",
    *,
    method: str = "GET",
    kind: str = "http",
    guard: LocalGuard | None = None,
) -> tuple[int | str, dict[str, str]]:
    """Status and headers of the answer; for a WebSocket the type of the first message."""
    path, _, query = target.partition("?")
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(), "server": ("127.0.0.1", 4200),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }  # fmt: skip
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run((guard or LocalGuard(toy, SECRET, cookie="own-"))(scope, receive, send))
    first: dict[str, Any] = dict(sent[0])
    return first.get("status", first["type"]), {name.decode(): value.decode() for name, value in first.get("headers", [])}


@pytest.mark.parametrize("host", ["127.0.0.1:4200", "localhost:4200", "LOCALHOST:4200", "[::1]:4200"])
def test_a_loopback_name_with_the_port_is_this_server(host: str) -> None:
    assert ask({**OWN, "host": host})[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:4200", "127.0.0.1", "127.0.0.1:4201", "localhost.evil.example:4200", "0.0.0.0:4200",
     "127.0.0.1:4200@evil.example", "evil@127.0.0.1:4200", "localhost:4200.", "", " 127.0.0.1:4200"],
)  # fmt: skip
def test_another_name_or_port_is_refused_with_the_secret(host: str) -> None:
    assert ask({**OWN, "host": host})[0] == 403
    assert ask({**OWN, "host": host}, kind="websocket")[0] == "websocket.close"


def test_no_host_and_two_hosts_are_refused() -> None:
    assert ask({"authorization": f"Bearer {SECRET}"})[0] == 403
    assert ask([*OWN.items(), ("host", "evil.example")])[0] == 403


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", "http://localhost:4200", "http://127.0.0.1:8501", "https://127.0.0.1:4200",
     "http://127.0.0.1", "http://127.0.0.1:4200.evil.example", "http://127.0.0.1:4200/"],
)  # fmt: skip
def test_another_origin_is_refused_with_the_secret(origin: str) -> None:
    for kind, refused in (("http", 403), ("websocket", "websocket.close")):
        assert ask({**OWN, "origin": origin}, method="POST", kind=kind)[0] == refused
        assert ask({**COOKIE, "origin": origin}, method="POST", kind=kind)[0] == refused


def test_its_own_origin_is_allowed_once() -> None:
    own = {**COOKIE, "origin": "http://127.0.0.1:4200"}
    assert ask(own, method="POST")[0] == 200
    assert ask(own, kind="websocket")[0] == "websocket.accept"
    assert ask([*own.items(), ("origin", "null")], method="POST")[0] == 403


def test_a_preflight_gets_no_permission() -> None:
    asked = {**OWN, "origin": "http://evil.example", "access-control-request-method": "PATCH"}
    status, headers = ask(asked, method="OPTIONS")
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control")]


def test_no_answer_allows_other_origins() -> None:
    status, headers = ask(OWN)
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control")]
    assert headers["content-security-policy"] == "frame-ancestors 'self'"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_opens_pages_and_nothing_else(site: str) -> None:
    link = {**OWN, "sec-fetch-site": site, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert ask(link)[0] == 200
    assert ask(link, method="POST")[0] == 403
    assert ask({**link, "sec-fetch-dest": "iframe"})[0] == 403
    assert ask({**link, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"})[0] == 403
    assert ask({**OWN, "sec-fetch-site": site})[0] == 403
    assert ask(link, kind="websocket")[0] == "websocket.close"
    assert ask({**OWN, "sec-fetch-site": "same-origin"}, method="POST")[0] == 200


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("authorization", f"Bearer {SECRET}", 200),
        ("authorization", f"bearer  {SECRET}", 200),
        ("authorization", basic(SECRET), 200),
        ("authorization", basic(f"rollmill:{SECRET}"), 200),
        ("cookie", f"own-4200={SECRET}", 200),
        ("x-none", "", 401),
        ("authorization", "", 401),
        ("authorization", SECRET, 401),
        ("authorization", "Bearer", 401),
        ("authorization", "Bearer \u00e9", 401),
        ("authorization", f"Bearer {SECRET[:-1]}", 401),
        ("authorization", f"Bearer {SECRET}x", 401),
        ("authorization", "Basic ???", 401),
        ("authorization", basic(f"{SECRET}:x"), 401),
        ("cookie", f"own-4201={SECRET}", 401),
        ("cookie", f"own-={SECRET}", 401),
        ("cookie", f"{SECRET}", 401),
        ("x-token", SECRET, 401),
    ],
)
def test_the_secret_is_required(name: str, value: str, status: int) -> None:
    asked = {"host": "127.0.0.1:4200", name: value}
    assert ask(asked)[0] == status
    assert ask(asked, kind="websocket")[0] == ("websocket.accept" if status == 200 else "websocket.close")


def test_an_empty_secret_admits_nobody() -> None:
    guard = LocalGuard(toy, "", cookie="own-")
    for header in ({"authorization": "Bearer "}, {"authorization": basic(":")}, {"cookie": "own-4200="}, {}):
        assert ask({"host": "127.0.0.1:4200", **header}, guard=guard)[0] == 401
    assert not same("", "")


def test_without_a_cookie_prefix_a_token_in_the_address_is_nothing() -> None:
    guard = LocalGuard(toy, SECRET)
    assert ask({"host": "127.0.0.1:4200"}, f"/?token={SECRET}", guard=guard)[0] == 401
    assert ask({"host": "127.0.0.1:4200", "cookie": f"4200={SECRET}"}, guard=guard)[0] == 401


@pytest.mark.parametrize("query", [f"token={SECRET}", f"token=bad&token={SECRET}", f"token={SECRET}&token=bad"])
def test_the_token_of_the_address_becomes_a_cookie(query: str) -> None:
    status, headers = ask({"host": "127.0.0.1:4200"}, f"/runs?{query}&page=2")
    assert (status, headers["location"], headers["cache-control"]) == (303, "/runs?page=2", "no-store")
    assert headers["set-cookie"].split("; ") == [f"own-4200={SECRET}", "HttpOnly", "Path=/", "SameSite=strict"]


def test_a_wrong_token_leaves_the_address_and_sets_nothing() -> None:
    status, headers = ask({"host": "127.0.0.1:4200"}, "//evil.example/x?token=bad")
    assert (status, headers["location"]) == (303, "/evil.example/x")
    assert "set-cookie" not in headers
    assert ask({"host": "evil.example:4200"}, f"/?token={SECRET}")[0] == 403


def test_what_is_open_needs_no_secret_but_the_rest() -> None:
    guard = LocalGuard(toy, SECRET, open_to=lambda scope: scope["path"] == "/health")
    assert ask({"host": "127.0.0.1:4200"}, "/health", guard=guard)[0] == 200
    assert ask({"host": "127.0.0.1:4200"}, "/health/../api", guard=guard)[0] == 401
    assert ask({"host": "evil.example:4200"}, "/health", guard=guard)[0] == 403
