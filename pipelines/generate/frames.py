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
    head = stream.read(4)
    size = int.from_bytes(head, "little")
    body = stream.read(size) if len(head) == 4 else b""
    if len(head) < 4 or len(body) < size:
        return None
    message: Message = json.loads(body)
    return message
