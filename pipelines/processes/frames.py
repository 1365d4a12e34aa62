"""Messages over a pipe or socket: four bytes of length, little end first, then so many bytes, in most of them JSON.

Never pickle: untrusted input may have taken over the other end. The standard library only and nothing of ours, as
children under other interpreters (vLLM's, that of a verifier under test) import this too.
"""

import json
from collections.abc import Callable
from io import FileIO
from typing import Any, BinaryIO

HEADER = 4
PIECE = 1 << 20  # bytes asked for at once: a length is only believed as far as its bytes have come
MOST = (1 << 32) - 1

Message = dict[str, Any]


class BadFrame(Exception):  # noqa: N818 - says what the other end did
    """The other end sent what no child of ours sends."""


def send(stream: BinaryIO | FileIO, message: Message, *, finite: bool = True) -> None:
    """Send a whole message, flushed. OSError if the reader is gone; ValueError for a number that is not finite.

    `finite=False` lets those through too, for what a model wrote: it may say 1e999, which Python reads as infinity.
    """
    data = memoryview(framed(packed(message, finite=finite)))
    while data:  # an unbuffered stream may take a part
        data = data[stream.write(data) :]
    stream.flush()


def receive(stream: BinaryIO | FileIO) -> Message | None:
    """The next message; None at the end of the stream, and where it ends in the middle of a message."""
    payload = read_frame(stream.read)
    return None if payload is None else unpacked(payload)


def framed(payload: bytes) -> bytes:
    """A payload behind its length."""
    return len(payload).to_bytes(HEADER, "little") + payload


def read_frame(read: Callable[[int], bytes], limit: int = MOST) -> bytes | None:
    """The next payload, by a `read` that may return less than requested; None at the end, BadFrame beyond the limit."""
    head = _exactly(read, HEADER)
    if head is None:
        return None
    size = int.from_bytes(head, "little")
    if size > limit:
        raise BadFrame(f"a message of {size} bytes")
    return _exactly(read, size)


class Frames:
    """Decoder of payloads from bytes as they arrive, for readers that must not wait for a whole payload."""

    def __init__(self, limit: int = MOST) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._rest += data

    def take(self) -> bytes | None:
        """A payload that is whole; None if there is none yet, BadFrame if one begins that exceeds the limit."""
        size = int.from_bytes(self._rest[:HEADER], "little")
        if len(self._rest) >= HEADER and size > self._limit:
            raise BadFrame(f"a message of {size} bytes")
        if len(self._rest) < HEADER + size:
            return None
        payload = bytes(self._rest[HEADER : HEADER + size])
        del self._rest[: HEADER + size]
        return payload


def packed(message: Message, *, finite: bool) -> bytes:
    """A message as JSON in ASCII; ValueError if it may hold `finite` numbers only and does not."""
    # Escaped to ASCII: a lone surrogate, which a model's text may hold, has no UTF-8 form.
    return json.dumps(message, separators=(",", ":"), allow_nan=not finite).encode("ascii")


def unpacked(payload: bytes) -> Message:
    """The message in a payload; BadFrame if it holds no JSON object."""
    try:
        message = json.loads(payload)
    # RecursionError: what json raises for arrays that are nested too deeply.
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"a message that is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise BadFrame(f"a message that is a JSON {type(message).__name__}")
    return message


def _exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = read(min(size - len(parts), PIECE))
        if not part:
            return None
        parts += part
    return bytes(parts)
