"""Bodies of requests to the reward server: read and parsed within bounds on bytes, time, values and nesting.

JSON unfolds: 32 MiB of `{},` would be 700 MB of Python objects. So values are counted before anything is parsed, one body
is parsed at a time, and the bytes of all requests under way have a common bound.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import Request

MOST_BYTES = 32 << 20
"""Bytes of a request's body."""
MOST_HELD = 192 << 20
"""Bytes that all requests under way may take as Python objects."""
UNFOLDED = 4
"""Bytes that a byte of a body may become: one character of a text beyond the basic plane gives four bytes to all others."""
LEAST_VALUES = 200_000
"""Values of a body (items, keys, texts, numbers) that are allowed whatever the queue takes."""
VALUES_PER_ITEM = 32
MOST_NESTING = 64
MOST_TEXT = 4 << 20
"""Bytes of one text: whoever hashes and judges it makes several copies."""
QUIET_SECONDS = 10.0
"""Longest time between two parts of a body, and until there is room for it."""
SLOWEST = 1 << 20
"""Bytes a second below which a body is given up, after QUIET_SECONDS."""
ASK_AGAIN = 5
"""Seconds after which a caller without room may ask again."""
# An unclosed text ends with the body; possessive, so that each byte is read once.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\Z)', re.DOTALL)


class Refused(Exception):  # noqa: N818 - an answer to the caller
    """A request that gets a status instead of rewards."""

    def __init__(self, status: int, detail: str, wait: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.wait = status, detail, wait


class BodyReader:
    """Reads bodies for one server. `items`: most items of a request; None: any number."""

    def __init__(self, items: int | None = None) -> None:
        self.most_values = max(LEAST_VALUES, VALUES_PER_ITEM * (items or 0))
        self._held = 0
        self._given = asyncio.Condition()
        self._parsing = asyncio.Lock()

    @asynccontextmanager
    async def body(self, request: "Request") -> AsyncIterator[Any]:
        """The JSON value of a request, whose bytes are held until the block ends; Refused for one beyond a bound."""
        announced = _announced(request)
        held = await self._take(UNFOLDED * announced)
        try:
            read = await _read(request, announced)
            async with self._parsing:
                # In a thread: the other requests are answered meanwhile.
                value, size = await asyncio.to_thread(parsed, read, self.most_values)
            held = await self._keep(held, size)
            yield value
        finally:
            await self._keep(held, 0)

    async def _take(self, size: int) -> int:
        """Wait for room of so many bytes."""
        if self._held + size > MOST_HELD:
            try:
                async with asyncio.timeout(QUIET_SECONDS), self._given:
                    await self._given.wait_for(lambda: self._held + size <= MOST_HELD)
            except TimeoutError:
                raise Refused(429, "other requests take all the memory; ask again", ASK_AGAIN) from None
        self._held += size
        return size

    async def _keep(self, held: int, size: int) -> int:
        """Hold another number of bytes from now on."""
        self._held += size - held
        if size < held:
            async with self._given:
                self._given.notify_all()
        return size


def parsed(body: bytearray, most_values: int) -> tuple[Any, int]:
    """The JSON value and its bytes as objects; the body is emptied. Refused beyond a bound, and for what is no JSON."""
    check_texts(body, most_values)
    try:
        text = body.decode("utf-8", "surrogatepass")
        body.clear()
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    return value, weighed(value)


def check_texts(body: bytes | bytearray, most_values: int) -> None:
    """Refused for more values than `most_values`, and for a text that is too long; nothing is parsed."""
    # Marks within texts are counted here as well: few marks are few values, and this takes no time.
    if len(body) <= MOST_TEXT and _marks(body, 0, len(body)) <= most_values:
        return
    count = place = 0
    for text in _TEXT.finditer(body):
        if text.end() - text.start() > MOST_TEXT:
            raise Refused(413, f"a text has more than {MOST_TEXT >> 20} MiB")
        count += 1 + _marks(body, place, text.start())
        place = text.end()
        if count > most_values:
            break
    if count + _marks(body, place, len(body)) > most_values:
        raise Refused(413, f"the body has more than {most_values:,} values")


def _marks(body: bytes | bytearray, start: int, end: int) -> int:
    return sum(body.count(mark, start, end) for mark in (b",", b"[", b"{"))


def weighed(value: Any) -> int:
    """Bytes of all objects in a JSON value; Refused for one that is nested too deep."""
    size, level = sys.getsizeof(value), [value]
    for _ in range(MOST_NESTING):
        below: list[Any] = []
        for value in level:
            for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
                size += sys.getsizeof(part)
                if isinstance(part, dict | list):
                    below.append(part)
        if not below:
            return size
        level = below
    raise Refused(422, f"the body is nested more than {MOST_NESTING} deep")


def _announced(request: "Request") -> int:
    """Bytes that the header announces; the most without one."""
    length = request.headers.get("content-length", str(MOST_BYTES))
    # At most as many digits as the bound has: int() of thousands of digits fails.
    size = int(length) if length.isascii() and length.isdigit() and len(length) <= len(str(MOST_BYTES)) else MOST_BYTES + 1
    if size > MOST_BYTES:
        raise Refused(413, f"the body has more than {MOST_BYTES >> 20} MiB")
    return size


async def _read(request: "Request", announced: int) -> bytearray:
    """The bytes of a body, which must come at a reasonable speed."""
    body, loop = bytearray(), asyncio.get_running_loop()
    last = loop.time() + QUIET_SECONDS + announced / SLOWEST
    try:
        async with asyncio.timeout(QUIET_SECONDS) as quiet:
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise Refused(413, f"the body has more than {MOST_BYTES >> 20} MiB")
                quiet.reschedule(min(last, loop.time() + QUIET_SECONDS))
    except TimeoutError:
        raise Refused(408, "the body did not come in time") from None
    return body
