"""Who may ask a server on the loopback: rules of every ASGI server that the product starts for its own machine.

Any page of the web can send requests to the loopback, and so can every user of the machine. A request must name a loopback
name and the port (a page that rebinds its own name to 127.0.0.1 names another host), come from no page or one of the server
itself, and bring the secret of this start: a browser the cookie that it got for the address with `?token=...`, a program
`Authorization: Bearer` or `Basic`.
"""

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.websockets import WebSocketClose

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PAGE_HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_VIOLATION = 1008  # close code of a WebSocket


def new_secret() -> str:
    """A secret for one start of a server: 256 random bits that need no escape in a URL, a header or a cookie."""
    return secrets.token_urlsafe(32)


def same(given: str, secret: str) -> bool:
    """True if what was given is the secret, compared in constant time; an empty secret admits nobody."""
    return bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def foreign(scope: "Scope", names: Sequence[str] = LOOPBACK) -> str:
    """Reason why a request was sent to another host or by a page of another origin; empty if it was not.

    `names`: host names of this server, IPv6 addresses in brackets.
    """
    headers, port = Headers(scope=scope), (scope.get("server") or ("", None))[1]
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    known = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())
    if len(hosts) != 1 or hosts[0].lower() not in known:
        return "host"
    if len(origins) > 1 or (origins and origins[0].lower() != f"http://{hosts[0].lower()}"):
        return "origin"
    if any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")) and not _opens_page(scope):
        return "site"
    return ""


def _opens_page(scope: "Scope") -> bool:
    """True for a browser that follows a link to a page of its own, not for a frame, a form or a script's request."""
    headers = Headers(scope=scope)
    reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return reads and (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")


def cookie_name(prefix: str, scope: "Scope") -> str:
    """Name of a server's cookie: browsers send the cookies of all ports of a host, so it has the port."""
    return f"{prefix}{scope['server'][1]}"


def brings(scope: "Scope", secret: str, cookie: str = "") -> bool:
    """True for a request with the secret in its header Authorization, or in the cookie with this prefix."""
    headers = Headers(scope=scope)
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and same(value.strip(), secret):
        return True
    if scheme.lower() == "basic":
        with suppress(ValueError):  # binascii.Error is one; so is a character beyond ASCII
            given = base64.b64decode(value.strip(), validate=True).decode("latin-1")
            return same(given.rpartition(":")[2], secret)  # the name of the user does not matter
    return bool(cookie) and same(cookie_parser(headers.get("cookie", "")).get(cookie_name(cookie, scope), ""), secret)


def exchange(scope: "Scope", secret: str, cookie: str) -> RedirectResponse | None:
    """Redirect to the same address without `token`; the secret goes into a cookie. None for an address without a token."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    # latin-1 decodes any bytes: a malformed query is no crash.
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if not any(key == "token" for key, _ in query):
        return None
    rest = urlencode([pair for pair in query if pair[0] != "token"])
    path = "/" + scope["path"].lstrip("/\\")  # two slashes would lead to another host
    answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303, headers={"Cache-Control": "no-store"})
    if any(key == "token" and same(value, secret) for key, value in query):
        answer.set_cookie(cookie_name(cookie, scope), secret, httponly=True, samesite="strict")
    return answer


class LocalGuard:
    """ASGI middleware with these rules in front of an application, for HTTP and WebSockets.

    `cookie`: prefix of the cookie for browsers; without one, only programs get in. `open_to`: requests that need no secret,
    for example for static files. `headers`: given to every answer that does not set them. `advice`: said to who comes
    without the secret. No answer allows another origin.
    """

    def __init__(
        self,
        app: "ASGIApp",
        secret: str,
        *,
        cookie: str = "",
        open_to: Callable[["Scope"], bool] = lambda _scope: False,
        headers: Mapping[str, str] = PAGE_HEADERS,
        advice: str = "open the address that it printed at its start.",
    ) -> None:
        self.app, self.secret, self.cookie, self.open_to, self.headers = app, secret, cookie, open_to, headers
        self.advice = advice

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer, refuse or pass on a request or the opening of a WebSocket."""
        answer = self.app if scope["type"] == "lifespan" else self._answer(scope)
        await answer(scope, receive, self._without_cors(send))

    def _answer(self, scope: "Scope") -> "ASGIApp":
        if foreign(scope):
            return _refusal(scope, "Open this server at its address on 127.0.0.1.", 403)
        exchanged = exchange(scope, self.secret, self.cookie) if self.cookie else None
        if exchanged is not None or self.open_to(scope) or brings(scope, self.secret, self.cookie):
            return exchanged or self.app
        return _refusal(scope, f"This server answers the user who started it: {self.advice}", 401)

    def _without_cors(self, send: "Send") -> "Send":
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.lower().startswith("access-control-")]:
                    del headers[name]
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        return sent


def _refusal(scope: "Scope", words: str, status: int) -> "ASGIApp":
    return WebSocketClose(code=_VIOLATION) if scope["type"] == "websocket" else PlainTextResponse(words, status)
