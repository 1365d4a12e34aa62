"""Attacks on the served dashboard: pages of the web, other users and other servers of this machine."""

import asyncio
import http.client
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import serving

pytestmark = [pytest.mark.security, pytest.mark.timeout(300)]
SCRIPT_CHECK = "/_stcore/script-health-check"


@dataclass(frozen=True)
class Door:
    """A served dashboard and what a browser has after it opened the printed address."""

    port: int
    token: str
    cookie: str
    key: str

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def socket(self, key: str = "", *, cookie: str = "", **headers: str) -> int:
        """Status with which the WebSocket of the pages is opened."""
        sent = {name: value for name, value in {"Cookie": cookie, **headers}.items() if value}
        protocols = ["streamlit", "PLACEHOLDER_AUTH_TOKEN", *([f"rollmill.{key}"] if key else [])]

        async def opened() -> int:
            async with aiohttp.ClientSession(headers=sent) as session:
                try:
                    async with session.ws_connect(f"{self.origin}/_stcore/stream", protocols=protocols) as socket:
                        return 101 if socket.protocol == "streamlit" else 0
                except aiohttp.WSServerHandshakeError as error:
                    return error.status

        return asyncio.run(opened())


def entered(printed: str) -> Door:
    address = urlsplit(printed)
    port, token = address.port or 0, address.query.removeprefix("token=")
    status, headers, _ = Door(port, token, "", "").ask(f"/?token={token}")
    assert status == 303
    path, _, key = headers["location"].partition("#key=")
    assert path == "/"
    return Door(port, token, headers["set-cookie"].partition(";")[0], key)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dashboard") / "ws"
    Workspace.init(folder).close()
    return folder


@pytest.fixture(scope="module")
def door(workspace: Path) -> Iterator[Door]:
    with serving(workspace) as printed:
        yield entered(printed)


def test_the_browser_of_the_printed_address_gets_in(door: Door) -> None:
    assert len(door.token) >= 32
    assert door.socket(door.key, cookie=door.cookie, Origin=door.origin) == 101
    assert door.ask("/_rollmill/admitted", X_Rollmill=f"rollmill.{door.key}", Cookie=door.cookie)[0] == 204
    assert door.ask(SCRIPT_CHECK, Authorization=f"Bearer {door.token}")[0] == 200


def test_another_user_of_the_machine_sees_nothing_without_the_secret(door: Door) -> None:
    for path in (
        SCRIPT_CHECK, "/_stcore/metrics", "/media/0.png", "/exported/key/name.csv", "/report/toy@v1", "/component/a/b",
        "/_stcore/bidi-components/a", "/app/static/a", "/_rollmill/admitted",
    ):  # fmt: skip
        assert door.ask(path)[0] == 401, path
        assert door.ask(path, Cookie=f"rollmill-{door.port}=x")[0] == 401, path
    assert door.socket(Origin=door.origin) == 403
    assert door.socket() == 403
    assert door.socket("x", cookie=f"rollmill-{door.port}=x", Origin=door.origin) == 403
    status, _, document = door.ask("/runs")  # a page's document, which is the same in every workspace
    assert status == 200
    for secret in (door.token, door.key, door.cookie.partition("=")[2]):
        assert secret.encode() not in document


def test_the_cookie_alone_opens_no_socket(door: Door) -> None:
    # Browsers send it to every port of 127.0.0.1, so the server of another user may have it.
    assert door.socket(cookie=door.cookie, Origin=door.origin) == 403
    value = door.cookie.partition("=")[2]
    assert door.socket(value, cookie=door.cookie, Origin=door.origin) == 403
    assert value != door.token
    assert door.ask(f"/?token={value}")[1].get("set-cookie") is None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:{port}", "https://127.0.0.1:{port}"]
)
def test_a_page_of_another_origin_opens_no_socket_even_with_all_secrets(door: Door, origin: str) -> None:
    assert door.socket(door.key, cookie=door.cookie, Origin=origin.format(port=door.port)) == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1.evil.example:{port}", "", "["]
)
def test_a_name_that_is_rebound_to_the_loopback_gets_nothing(door: Door, host: str) -> None:
    named = host.format(port=door.port)
    for path in ("/", "/_stcore/health", f"/?token={door.token}"):
        status, headers, _ = door.ask(path, Host=named, Cookie=door.cookie)
        assert status in (400, 403), path
        assert "set-cookie" not in headers
    assert door.socket(door.key, cookie=door.cookie, Host=named or "x", Origin=f"http://{named}") == 403


def test_a_page_of_the_web_sends_no_request_that_counts(door: Door) -> None:
    upload = "/_stcore/upload_file/session/file"
    for method in ("POST", "PUT", "DELETE"):
        assert door.ask(upload, method, Cookie=door.cookie)[0] == 401  # a form without an origin
        assert door.ask(upload, method, Cookie=door.cookie, Origin="http://evil.example")[0] == 403
        assert door.ask(upload, method, Cookie=door.cookie, Origin="null")[0] == 403
        assert door.ask("/exported/a/b", method, Cookie=door.cookie, Origin=door.origin)[0] in (404, 405)
    for path in ("/", "/_stcore/health", "/static/index.html", "/exported/a/b"):
        assert door.ask(path, Cookie=door.cookie, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403, path
    _, headers, _ = door.ask("/_stcore/health", "OPTIONS", Access_Control_Request_Method="GET", Origin=door.origin)
    assert not any(name.startswith("access-control") for name in headers)
    assert door.ask("/runs", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")[0] == 200
    assert door.ask("/runs", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe")[0] == 403


@pytest.mark.parametrize(
    ("query", "admitted"),
    [
        ("token=bad&token={token}", True),
        ("token={token}&token=bad", True),
        ("token=bad", False),
        ("token=", False),
        ("token=%00&token=%0d%0aSet-Cookie:a=b", False),
        ("Token={token}", None),
        ("token={token}%20", False),
    ],
)
def test_only_the_right_token_becomes_a_secret(door: Door, query: str, admitted: bool | None) -> None:
    status, headers, _ = door.ask("/runs?a=1&" + query.format(token=door.token))
    assert status == (200 if admitted is None else 303)
    if admitted is not None:
        assert headers["location"] == "/runs?a=1" + (f"#key={door.key}" if admitted else "")
        assert headers["cache-control"] == "no-store"
    cookie = headers.get("set-cookie", "")
    assert cookie == (f"{door.cookie}; HttpOnly; Path=/; SameSite=strict" if admitted else "")


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "/%2f%2fevil.example", "/%5cevil.example", "/.//evil.example"]
)
def test_no_path_leads_to_another_host(door: Door, path: str) -> None:
    status, headers, _ = door.ask(f"{path}?token={door.token}")
    assert status in (303, 400)
    assert not re.match(r"[/\\]{2}|[a-z]+:", headers.get("location", "/"))
    for method in ("HEAD", "GET"):
        status, headers, _ = door.ask(path, method, Cookie=door.cookie)
        assert not re.match(r"[/\\]{2}|[a-z]+:", headers.get("location", "/")), method


def test_read_only_pages_need_the_secret_as_well(workspace: Path) -> None:
    with serving(workspace, "--read-only") as printed:
        door = entered(printed)
        assert door.socket(Origin=door.origin) == 403
        assert door.socket(door.key, cookie=door.cookie, Origin=door.origin) == 101


def test_the_token_is_in_no_file_and_no_command_line(door: Door, workspace: Path) -> None:
    secrets = [secret.encode() for secret in (door.token, door.key, door.cookie.partition("=")[2])]
    files = [path.read_bytes() for path in workspace.rglob("*") if path.is_file()]
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert files
    assert not any(secret in text for text in (*files, *lines) for secret in secrets)
