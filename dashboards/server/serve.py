"""The dashboard as `rollmill dashboard` serves it: Streamlit behind a guard against requests of other sites.

A page of another site can send requests to the loopback and open a WebSocket there, and so can other users of the machine.
Only a browser that opened the printed address is answered (dashboards/session/admission.py).
"""

import asyncio
import os
import tempfile
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.websockets import WebSocketClose

from rollmill.dashboards.server.document import ASKED, KEY, REFUSED, Documents, page_of
from rollmill.dashboards.server.warm import WARMER
from rollmill.dashboards.session import admission
from rollmill.dashboards.session.export_matches import ROUTE
from rollmill.dashboards.session.version_page import REPORT_ROUTE
from rollmill.pipelines.processes.local_server import PAGE_HEADERS, brings, cookie_name, exchange, foreign

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# Taken out of the environment, which children inherit: the address holds the token.
BROWSER = os.environ.pop("ROLLMILL_BROWSER", "")  # the address to open once the pages answer
OPEN = ("/_stcore/health", "/_stcore/host-config")


class Guard:
    """Refuse what another site, another program or another user asks, and exchange the token of the printed address."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handle a request, or the opening of a WebSocket."""
        if scope["type"] == "lifespan":
            answer: ASGIApp = self.app
        elif scope["type"] == "websocket":
            answer = self.app if not foreign(scope) and _opens_socket(scope) else WebSocketClose(code=1008)
        else:
            send = _with_headers(send)
            refusal = _refused(scope) or _exchange(scope)
            answer = self.app if refusal is None else refusal
        await answer(scope, receive, send)


def _refused(scope: "Scope") -> "ASGIApp | None":
    """The answer to a request that is refused, and to the question whether a browser may see the pages."""
    if foreign(scope):
        return PlainTextResponse("Open this dashboard at its address on 127.0.0.1.", status_code=403)
    headers, path, reads = Headers(scope=scope), scope["path"], scope["method"] in ("GET", "HEAD")
    program, browser = brings(scope, admission.TOKEN), brings(scope, admission.cookie_secret(), admission.COOKIE)
    if path == ASKED:
        given = headers.get("x-rollmill", "").removeprefix(admission.PROTOCOL)
        admitted = browser and admission.is_page_secret(given)
        return Response(status_code=204) if admitted else PlainTextResponse(REFUSED, status_code=401)
    # The document of the pages, and Streamlit's own files, say nothing of the workspace.
    if reads and (path in OPEN or path.startswith("/static/") or page_of(path) is not None or _is_file(path)):
        return None
    if not (program or browser) or not (program or reads or "origin" in headers):
        return PlainTextResponse(REFUSED, status_code=401)
    return None


def _is_file(path: str) -> bool:
    """True for a file of Streamlit beside its document, its icon for example."""
    return path.count("/") == 1 and page_of(path) is None and not path.endswith("/")


def _opens_socket(scope: "Scope") -> bool:
    """True with the cookie and the page secret, which is taken out of the subprotocols: Streamlit reads them by place."""
    offered = list(scope.get("subprotocols", ()))
    given = [name for name in offered if name.startswith(admission.PROTOCOL)]
    if len(given) != 1 or not admission.is_page_secret(given[0].removeprefix(admission.PROTOCOL)):
        return False
    scope["subprotocols"] = [name for name in offered if name not in given]
    MutableHeaders(scope=scope)["sec-websocket-protocol"] = ", ".join(scope["subprotocols"])
    return brings(scope, admission.cookie_secret(), admission.COOKIE)


def _exchange(scope: "Scope") -> "ASGIApp | None":
    """Redirect to the same address without its token, which becomes a cookie and the page secret; None without a token."""
    answer = exchange(scope, admission.TOKEN, admission.COOKIE)
    if answer is not None and "set-cookie" in answer.headers:
        del answer.headers["set-cookie"]
        name = cookie_name(admission.COOKIE, scope)
        answer.set_cookie(name, admission.cookie_secret(), httponly=True, samesite="strict")
        answer.headers["location"] += f"#{KEY}{admission.page_secret()}"
    return answer


def _with_headers(send: "Send") -> "Send":
    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name in [name for name in headers if name.lower().startswith("access-control-")]:
                del headers[name]
            for name, value in PAGE_HEADERS.items():
                headers.setdefault(name, value)
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
    routes=[ROUTE, REPORT_ROUTE],
    middleware=[Middleware(Guard), Middleware(Documents)],
)
