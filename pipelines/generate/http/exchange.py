"""Exchange of a request and its reply with one server: sockets, headers, timeouts. A reply or a Failure, never another
exception of aiohttp.

`probe` shows a person what a server serves. Retries are the dispatcher's.
"""

import asyncio
import ipaddress
import json
import re
import select
import socket
import ssl
import urllib.request
import zlib
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.http.failures import MOST_DETAIL, MOST_HEARD, Failure, of_exception, of_status
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Secrets, Server
from rollmill.pipelines.generate.http.replicas import Replica

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientResponse, ClientSession
    from yarl import URL

MOST_BODY = 64 << 20  # bytes of one reply, where the profile names no other bound
MOST_LIST = 16 << 20  # bytes of a list of models
SMALL_BODY = 1 << 20  # bytes that are read without asking for room
MOST_MEMBERS = 100  # of one compressed body
MOST_ERROR = 64 << 10  # bytes of an error body
PROBE_SECONDS = 10.0
GZIP = zlib.MAX_WBITS | 16
_WINDOW_BITS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": zlib.MAX_WBITS}
# Seconds of silence until a probe, between probes, how many, and milliseconds for what was sent to be acknowledged.
_GONE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
SHOWN = 5  # models that `probe` names
REQUEST_ID = "X-Request-Id"  # echoed by some servers, vLLM among them
LEAST_ANSWER = 128  # bytes of a reply with an answer in it; shorter ones are errors, which may be alike
KNOWN_IDS = 4096  # of our requests, the last ones
_IDENTIFIED = re.compile(rb'"(?:id|created)"\s*:\s*(?:"[^"]|[0-9])')  # no two replies of such a server are equal


def proxy_of(url: str) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    listed = urllib.request.getproxies()
    proxy = listed.get(parts.scheme, listed.get("all"))
    return proxy if proxy and urlsplit(proxy).scheme in ("http", "https") else None


def tls_of(server: Server) -> Mapping[str, Any]:
    """The request's option for a server with certificates of its own; Failure if their file is none."""
    if server.ca_file is None:
        return {}
    try:
        return {"ssl": ssl.create_default_context(cafile=server.ca_file)}
    except (OSError, ssl.SSLError) as error:
        raise Failure("tls", f"ca_file {server.ca_file}: {error.strerror or error}", again=False) from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _watched_socket(address: tuple[Any, ...]) -> socket.socket:
    """A socket that ends half a minute after the server's host vanished; a host that is at work answers its probes."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _GONE.items():
        if hasattr(socket, name):  # these are Linux's
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class Exchange:
    """A connection pool to all servers; built inside the event loop that uses it."""

    def __init__(self, settings: HttpSettings) -> None:
        import aiohttp

        self._timeout = aiohttp.ClientTimeout(
            total=settings.reply_seconds + settings.connect_seconds, sock_connect=settings.connect_seconds
        )
        self._pooled = self._session = self._opened(kept=True)  # `_session`: of the next request
        self._last: dict[Any, int] = {}  # by connection
        self._asking: set[asyncio.Task[Any]] = set()
        self._recalled: set[asyncio.Task[Any]] = set()  # cancelled by us, since their connections are closed
        self._asked: deque[str] = deque(maxlen=KNOWN_IDS)
        self._targets: dict[tuple[str, str], tuple[URL, Mapping[str, Any]]] = {}
        self._proxies = settings.proxies
        self._room = _Room(settings.held_bytes)
        self._probing = aiohttp.ClientTimeout(total=PROBE_SECONDS)

    def _opened(self, *, kept: bool) -> "ClientSession":
        """A session; `kept`: its connections serve one request after another."""
        import aiohttp

        # The dispatcher bounds what is under way; aiohttp's own limit of 100 connections would hold it back unseen.
        many: dict[str, Any] = {"limit": 0, "ttl_dns_cache": 300, "socket_factory": _watched_socket}
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(**many) if kept else aiohttp.TCPConnector(force_close=True, **many),
            timeout=self._timeout,
            request_class=_checked_request(),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Content-Type": "application/json", "User-Agent": "rollmill", "Accept-Encoding": "gzip, deflate"},
            auto_decompress=False,  # by ourselves, within a bound
        )

    async def post(self, replica: Replica, path: str, body: bytes, most: int) -> bytes:
        """The body of a reply with status 200, of at most so many bytes."""
        return await self._ask("POST", replica, path, most, data=body)

    async def models(self, replica: Replica) -> bytes:
        """Reply of /models."""
        return await self._ask("GET", replica, "models", MOST_LIST, timeout=self._probing)

    def _target(self, replica: Replica, path: str) -> "tuple[URL, Mapping[str, Any]]":
        """URL of a request, and its options: headers, certificates, proxy."""
        key = replica.server.url, path
        if key not in self._targets:
            from yarl import URL

            base, _, query = replica.server.url.partition("?")
            url = URL(f"{base.rstrip('/')}/{path}{f'?{query}' if query else ''}")
            headers = {} if replica.key is None else {"Authorization": f"Bearer {replica.key}"}
            proxy = proxy_of(replica.server.url) if self._proxies else None
            self._targets[key] = url, {"headers": headers, "proxy": proxy, **tls_of(replica.server)}
        return self._targets[key]

    async def close(self) -> None:
        """Release the sockets."""
        await self._pooled.close()
        await self._session.close()

    async def _mixed_up(self, detail: str) -> None:
        """Failure for a reply to another request, and for every request under way: no connection is right any more.

        From now on each connection has one request.
        """
        self._part()
        # aiohttp leaves whoever reads a body waiting when its connection is closed.
        for task in self._asking - {asyncio.current_task()}:
            task.cancel()
            self._recalled.add(task)
        await self._pooled.close()
        raise Failure("mixed_up", detail)

    def _part(self) -> None:
        """Give each of the next requests a connection of its own."""
        if self._session is self._pooled:
            self._session = self._opened(kept=False)

    async def _ask(self, method: str, replica: Replica, path: str, most: int, **more: Any) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            return await self._answer(method, replica, path, most, **more)
        except Failure:
            raise
        except asyncio.CancelledError:
            if task in self._recalled and task.uncancel() == 0:
                raise Failure("mixed_up", "another reply was to another request") from None
            raise
        except Exception as error:
            raise of_exception(error) from None
        finally:
            self._asking.discard(task)
            self._recalled.discard(task)

    async def _answer(self, method: str, replica: Replica, path: str, most: int, **more: Any) -> bytes:
        """The body of the reply to this request, as far as an echoed id and the reply before it can tell."""
        url, options = self._target(replica, path)
        if replica.server.ours is not None and not replica.server.ours():
            # Whoever took its port would read prompts and key.
            raise Failure("no_connection", "the server started there has ended, or another user has its port", down=True)
        asked = uuid4().hex
        self._asked.append(asked)
        own = {**options, "headers": {**options["headers"], REQUEST_ID: asked}}
        doubtful: bytes | None = None
        while True:
            session = self._session
            try:
                # A redirect could carry the key to another host.
                async with session.request(method, url, allow_redirects=False, **own, **more) as response:
                    answered = response.headers.get(REQUEST_ID, asked)
                    body = await self._body(response, most)
                    connection: Any = vars(response).get("own_transport")
            except _UnreadReply:  # its connection is closed: the next one of the pool, or a new one
                continue
            if answered != asked and answered in self._asked:
                await self._mixed_up(f"it names request {answered}, and this is {asked}")
            if body == doubtful:
                self._part()  # this server's replies may be equal
                return body
            if session is not self._pooled or not self._came_twice(connection, body):
                return body
            if _IDENTIFIED.search(body):
                await self._mixed_up("the same reply came twice on one connection")
            # The late reply to the request before, or one that is equal by itself: another connection tells.
            connection.abort()
            doubtful = body

    def _came_twice(self, connection: Any, body: bytes) -> bool:
        """Whether a body is the one before on its connection."""
        if connection is None or len(body) < LEAST_ANSWER:
            return False
        if len(self._last) > KNOWN_IDS:  # by connections that are closed
            self._last.clear()
        way, key = connection.get_extra_info("sockname"), hash(body)
        same, self._last[way] = self._last.get(way) == key, key
        return same

    async def _body(self, response: "ClientResponse", most: int) -> bytes:
        if response.status == 200:
            return await self._room.read(response, most)
        try:
            body = await _read(response, MOST_ERROR)
        except Failure:
            raise
        except Exception:  # the status is news enough
            body = b""
        if 300 <= response.status < 400:
            raise Failure(f"http_{response.status}", "the server redirects", again=False, status=response.status)
        raise of_status(response.status, response.headers, body)


class _UnreadReply(Exception):  # noqa: N818 - of an earlier request
    """A kept connection has bytes that no request of ours asked for."""


@cache
def _checked_request() -> "type[ClientRequest]":
    """The class of requests; aiohttp would take a reply that waits on a kept connection for the answer to the next one."""
    import aiohttp

    class CheckedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> "ClientResponse":
            plain = conn.transport is not None and conn.transport.get_extra_info("ssl_object") is None
            # Bytes that are parsed already, or that the event loop has not read yet; TLS has messages of its own.
            if conn.protocol.should_close or (plain and _readable(conn.transport.get_extra_info("socket"))):
                raise _UnreadReply
            response = await super().send(conn)
            vars(response)["own_transport"] = conn.transport
            return response

    return CheckedRequest


def _readable(sock: Any) -> bool:
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class _Room:
    """Memory of this process for large replies: a reply waits to be read until it has room for the most that it may be."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0
        self._freed = asyncio.Condition()

    async def read(self, response: "ClientResponse", most: int) -> bytes:
        """The body of a reply, of at most so many bytes."""
        plain = response.headers.get("Content-Encoding", "identity").strip().lower() in ("identity", "")
        if plain and response.content_length is not None and response.content_length <= SMALL_BODY:
            return await _read(response, most)
        taken = min(most, self._most)
        async with self._freed:
            await self._freed.wait_for(lambda: self._held + taken <= self._most)
            self._held += taken
        try:
            return await _read(response, most)
        finally:
            async with self._freed:
                self._held -= taken
                self._freed.notify_all()


async def _read(response: "ClientResponse", most: int) -> bytes:
    """The whole body, unfolded; Failure if it is larger than any answer."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if response.content_length is not None and response.content_length <= most:
        return unfolded(await response.read(), encoding, most)
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > most:
            response.close()
            raise _too_large(most)
        parts.append(part)
    return unfolded(b"".join(parts), encoding, most)


def unfolded(data: bytes, encoding: str, most: int) -> bytes:
    """A body without its compression; Failure if it unfolds to more than `most` bytes (2 MB can hold 2 GB)."""
    if encoding in ("identity", "") or not data:
        return data
    if encoding not in _WINDOW_BITS:
        raise Failure("broken_reply", f"the body has the encoding {encoding[:MOST_HEARD]!r}, which was not requested")
    # What servers call deflate is zlib's format or, from some, the bare stream: its first byte tells.
    bits = -zlib.MAX_WBITS if encoding == "deflate" and data[0] & 0x0F != zlib.DEFLATED else _WINDOW_BITS[encoding]
    whole = bytearray()
    for _ in range(MOST_MEMBERS):
        reader = zlib.decompressobj(bits)
        try:
            whole += reader.decompress(data, most - len(whole) + 1)
        except zlib.error as error:
            raise Failure("broken_reply", f"the compressed body is damaged: {error}") from None
        if len(whole) > most:
            raise _too_large(most)
        if not reader.eof:
            raise Failure("cut_off", "the compressed body is not whole")
        data = reader.unused_data
        if bits < GZIP or not data.startswith(b"\x1f\x8b"):  # only gzip has several members (RFC 1952)
            return bytes(whole)
    raise Failure("broken_reply", f"the compressed body has more than {MOST_MEMBERS} members")


def _too_large(most: int) -> Failure:
    return Failure("too_large", f"a body of more than {most:,} bytes, unfolded")


def probe(server: Server, settings: HttpSettings) -> tuple[bool, str]:
    """Check whether a server answers, with one line about it without secrets. Draws nothing and never raises."""
    secrets = Secrets()
    try:
        body = asyncio.run(_models(Replica(server, secrets.learn(server)), settings))
    except SetupError as error:
        return False, error.message
    except Failure as failure:
        there = failure.status in (404, 405, 501)
        return there, "answers, without a list of models" if there else secrets.hide(str(failure))[:MOST_DETAIL]
    names = served_models(body)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return True, secrets.hide(f"serves {', '.join(names[:SHOWN])}{more}" if names else "answers, and names no model")


async def _models(replica: Replica, settings: HttpSettings) -> bytes:
    exchange = Exchange(settings)
    try:
        return await exchange.models(replica)
    finally:
        await exchange.close()


def served_models(body: bytes) -> tuple[str, ...]:
    """The model names in a /models reply; none if it has another form."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    listed = data.get("data") if isinstance(data, dict) else None
    items = listed if isinstance(listed, list) else []
    return tuple(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))
