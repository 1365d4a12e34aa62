"""Pages change the workspace through the command line, in a browser that brought the process's token, and no other way."""

import asyncio
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from streamlit.testing.v1 import AppTest

from dashboards.server import serve
from dashboards.session import commands
from dashboards.session.commands import WRITES
from tests.dashboards.conftest import serving

pytestmark = pytest.mark.integration

PAGE = """
from dashboards.session.commands import command_button
command_button("Remove", ["schedule", "remove", "--", "nightly; touch owned $(touch owned)"], key="remove")
command_button("Forget", ["schedule", "remove", "--", "`weekly`"], key="forget", confirm=True)
"""


def test_a_button_runs_the_command_line_and_shows_what_it_said(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(PAGE, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    assert page.button(key="forget").label == "Yes, forget"
    assert page.button(key="remove").help == "`rollmill schedule remove -- 'nightly; touch owned $(touch owned)'`"
    page.button(key="remove").click().run()
    shown = page.code[0].value
    assert shown.startswith(
        "$ rollmill schedule remove -- 'nightly; touch owned $(touch owned)'\nrollmill: unknown schedule"
    )
    assert shown.endswith("[exit status 2]")
    assert not (curated / "owned").exists()
    assert not page.exception


TYPED = """
import streamlit as st
from dashboards.session.commands import command_button
name = st.text_input("Schedule", "nightly", key="name")
if name != "hidden":
    command_button("Remove", ["schedule", "remove", "--", name], key="remove")
command_button("Forget", ["schedule", "remove", "--", name], key="forget", confirm=True)
"""


def test_a_text_typed_just_before_the_click_is_in_its_command(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("weekly")
    page.button(key="remove").click().run()  # the browser sends both at once
    assert page.code[0].value.startswith("$ rollmill schedule remove -- weekly\n")


def test_a_confirmed_command_is_the_one_in_view(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)
    page.session_state[WRITES] = True
    page.run()
    assert page.code[0].value == "rollmill schedule remove -- nightly"
    page.text_input(key="name").input("weekly")
    page.button(key="forget").click().run()
    assert page.code[1].value.startswith("$ rollmill schedule remove -- nightly\n")


def test_a_click_is_void_after_a_draw_without_its_button(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(
        f"{TYPED}\nfrom dashboards.session.commands import forget_clicks\nforget_clicks()", default_timeout=60
    )
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("hidden")
    page.button(key="remove").click().run()
    page.text_input(key="name").input("weekly").run()
    assert [code.value for code in page.code] == ["rollmill schedule remove -- weekly"]  # the question of Forget alone


def test_a_click_outlasts_a_draw_that_is_interrupted(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(TYPED, default_timeout=60)  # it never comes to its end, where app.py forgets clicks
    page.session_state[WRITES] = True
    page.run()
    page.text_input(key="name").input("hidden")
    page.button(key="remove").click().run()
    page.text_input(key="name").input("weekly").run()
    assert page.code[0].value.startswith("$ rollmill schedule remove -- weekly\n")


def test_without_the_token_no_button_runs_anything(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = AppTest.from_string(PAGE, default_timeout=60).run()
    assert [button.disabled for button in page.button] == [True, True]
    assert "Read-only" in page.button(key="remove").help
    page.session_state[WRITES] = True
    page.run()
    page.session_state[WRITES] = False
    page.button(key="remove").click().run()  # a browser may send what its page does not offer
    assert not page.code


async def _asked(path: str, kind: str = "http", host: str = "127.0.0.1:8501", origin: str | None = None) -> dict[str, Any]:
    """What the guard answers before a page that always says 200."""

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    where, _, query = path.partition("?")
    headers = [(b"host", host.encode()), *([(b"origin", origin.encode())] if origin else [])]
    scope = {"type": kind, "path": where, "query_string": query.encode(), "headers": headers}
    await serve.Guard(page)(scope, receive, send)
    fields = {key.decode(): value.decode() for key, value in sent[0].get("headers", ())}
    return {"status": sent[0].get("status"), "code": sent[0].get("code"), **fields}


@pytest.mark.parametrize(
    ("host", "origin", "served"),
    [
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("localhost:9000", "http://localhost:9000", True),  # through a forwarded port
        ("[::1]:8501", "http://[::1]:8501", True),
        ("127.0.0.1:8501", "http://evil.example", False),
        ("127.0.0.1:8501", "http://127.0.0.1:9999", False),  # another program's page on this machine
        ("127.0.0.1:8501", "null", False),
        ("127.0.0.1:8501", None, False),
        ("evil.example:8501", "http://evil.example:8501", False),  # a name that its owner lets lead here
        ("127.0.0.1:x]", "http://127.0.0.1:8501", False),
    ],
)
def test_only_the_dashboards_own_pages_open_its_socket(host: str, origin: str | None, served: bool) -> None:
    answer = asyncio.run(_asked("/_stcore/stream", "websocket", host, origin))
    assert (answer["status"], answer["code"]) == ((200, None) if served else (None, 1008))


def test_a_right_token_becomes_a_cookie_and_leaves_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TOKEN", "right")
    answer = asyncio.run(_asked("/datasets?version=toy%40v1&token=right"))
    assert (answer["status"], answer["location"]) == (303, "/datasets?version=toy%40v1")
    assert answer["set-cookie"] == "rollmill-8501=right; HttpOnly; Path=/; SameSite=strict"
    assert answer["cache-control"] == "no-store"
    assert asyncio.run(_asked("//evil.example/?token=right"))["location"] == "/evil.example/"
    wrong = asyncio.run(_asked("/?token=wrong"))
    assert (wrong["status"], wrong["location"]) == (303, "/")
    assert "set-cookie" not in wrong
    assert asyncio.run(_asked("/?xtoken=right"))["status"] == 200
    assert asyncio.run(_asked("/", host="evil.example"))["status"] == 403
    assert asyncio.run(_asked("/"))["content-security-policy"] == "frame-ancestors 'self'"
    monkeypatch.setattr(commands, "TOKEN", "")
    assert "set-cookie" not in asyncio.run(_asked("/?token="))


@pytest.mark.services
def test_the_served_dashboard_refuses_a_foreign_socket_and_keeps_its_token(curated: Path) -> None:
    with serving(curated) as printed:
        address, token = printed.split("?token=")
        port = urlsplit(address).port
        assert port is not None

        async def opened(origin: str) -> int:
            async with aiohttp.ClientSession(headers={"Origin": origin}) as session:
                try:
                    async with session.ws_connect(f"{address}_stcore/stream", protocols=["streamlit"]):
                        return 101
                except aiohttp.WSServerHandshakeError as error:
                    return error.status

        assert asyncio.run(opened(address.rstrip("/"))) == 101
        assert asyncio.run(opened("http://evil.example")) == 403
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"/?token={token}")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["location"]) == (303, "/")
        assert token in answer.headers["set-cookie"]
        connection.close()
        request = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(request, timeout=10)
        written = [path for path in curated.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
        assert written == []
    with serving(curated, "--read-only") as printed:
        assert "token" not in printed


def test_a_child_gets_no_token() -> None:
    assert "ROLLMILL_TOKEN" not in os.environ
