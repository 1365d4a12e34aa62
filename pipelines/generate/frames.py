"""Messages over a pipe: JSON objects, each behind its length in four bytes. Knows not what they say."""

import json
from typing import Any, BinaryIO

Message = dict[str, Any]


def send(stream: BinaryIO, message: Message) -> None:
    """One whole message, flushed. OSError where nobody reads any more; ValueError where it holds no JSON."""
    data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode("ascii")
    stream.write(len(data).to_bytes(4, "little") + data)
    stream.flush()


def receive(stream: BinaryIO) -> Message | None:
    """The next message; None at the end of the stream, and where it ends in the middle of a message."""
    head = _exactly(stream, 4)
    body = None if head is None else _exactly(stream, int.from_bytes(head, "little"))
    if body is None:
        return None
    message: Message = json.loads(body)
    return message


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    """So many bytes, also of a stream that gives what there is; None where it ends before."""
    found = b""
    while len(found) < size:
        part = stream.read(size - len(found))
        if not part:
            return None
        found += part
    return found
