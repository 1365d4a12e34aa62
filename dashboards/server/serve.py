"""The dashboard as `rollmill dashboard` serves it: Streamlit behind a guard against requests of other sites.

A page of another site can send requests to the loopback and open a WebSocket there. Only this dashboard's own pages are
answered, and only a browser that brought the token of this process may write (dashboards/session/commands.py).
"""

import asyncio
import os
import tempfile
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.websockets import WebSocketClose

from dashboards.server.document import Documents
from dashboards.server.warm import WARMER
from dashboards.session.commands import COOKIE, is_token
from dashboards.session.export_matches import ROUTE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# Taken out of the environment, which children inherit: the address holds the token.
BROWSER = os.environ.pop("ROLLMILL_BROWSER", "")  # the address to open once the pages answer
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PAGE_HEADERS = {"Content-Security-Policy": "frame-ancestors 'self'", "Referrer-Policy": "no-referrer"}


class Guard:
    """Refuse what another site asks, and exchange the token of the printed address for a cookie."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handle a request, or the opening of a WebSocket."""
        if scope["type"] == "lifespan":
            answer: ASGIApp = self.app
        elif refused(scope):
            refusal = PlainTextResponse("Open this dashboard at its address on 127.0.0.1.", status_code=403)
            answer = WebSocketClose(code=1008) if scope["type"] == "websocket" else refusal
        else:
            answer, send = _exchange(scope) or self.app, _with_headers(send)
        await answer(scope, receive, send)


def refused(scope: "Scope") -> bool:
    """True for a request to a name that is not this machine's, or for a WebSocket opened by another page."""
    headers = Headers(scope=scope)
    try:
        own = urlsplit(f"//{headers.get('host', '')}").hostname in LOOPBACK  # another name that leads here is a trick
    except ValueError:
        own = False
    if scope["type"] == "websocket":
        own = own and urlsplit(headers.get("origin", "")).netloc == headers["host"]
    return not own


def _exchange(scope: "Scope") -> RedirectResponse | None:
    """Redirect to the same address without its token; a correct token goes into a cookie. None for an address without
    one."""
    # latin-1 decodes any bytes: a malformed query is no crash.
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    brought = [value for key, value in query if key == "token"]
    if scope["type"] != "http" or not brought:
        return None
    rest = urlencode([pair for pair in query if pair[0] != "token"])
    path = "/" + scope["path"].lstrip("/")  # two slashes would lead to another host
    answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303, headers={"Cache-Control": "no-store"})
    if any(is_token(value) for value in brought):
        port = Headers(scope=scope)["host"].rpartition(":")[2]
        answer.set_cookie(f"{COOKIE}{port}", brought[0], httponly=True, samesite="strict")
    return answer


def _with_headers(send: "Send") -> "Send":
    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(PAGE_HEADERS)
        await send(message)

    return sent


@asynccontextmanager
async def _standing(_app: st.App) -> AsyncIterator[None]:
    """Context of the running server: computes views in advance, and opens the browser if requested.

    Through a file of ours: other users see a program's arguments.
    """
    WARMER.start()
    with tempfile.NamedTemporaryFile("w", suffix=".html") as page:
        if BROWSER:
            page.write(f'<meta http-equiv="refresh" content="0;url={BROWSER}">')
            page.flush()
            # In a thread: webbrowser.open may wait for the browser, and the loop serves the pages.
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, Path(page.name).as_uri())
        yield
    WARMER.stop()


app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=_standing,
    routes=[ROUTE],
    middleware=[Middleware(Guard), Middleware(Documents)],
)
