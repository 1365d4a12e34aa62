"""Messages between host, keeper and programs: how a box treats its programs, once, then length-prefixed messages.

Knows no system call but read and write: the host imports it on any platform.
"""

import os
from typing import NamedTuple

JOB_LIMIT = 256 << 20  # bytes of a message from the host
REQUEST_LIMIT = ANSWER_LIMIT = 64 << 20  # of one between programs, and of one to the host


class Settings(NamedTuple):
    """Limits and mode of a box; sent by the host once."""

    mode: str
    cpu_seconds: float
    wall_seconds: float
    memory_mib: int
    output_kib: int
    disk_mib: int
    processes: int
    uid: int
    binds: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    scratch: str
    zygote_filter: bytes
    program_filter: bytes
    tests_filter: bytes

    @property
    def boxed(self) -> bool:
        """True if namespaces, capabilities and filter apply."""
        return self.mode != "none"


# What follows resembles pipelines/processes/frames.py, but nothing else of the project is in the box.
_CHUNK = 1 << 16


def send(fd: int, payload: bytes) -> None:
    """Send a whole frame. OSError when the other end is gone."""
    data = len(payload).to_bytes(4, "little") + payload
    sent = os.write(fd, data)
    if sent < len(data):
        view = memoryview(data)[sent:]
        while view:
            view = view[os.write(fd, view) :]


class FrameReader:
    """The frames that arrive at one descriptor, each in as few reads as it takes."""

    __slots__ = ("fd", "limit", "rest")

    def __init__(self, fd: int, limit: int) -> None:
        self.fd = fd
        self.limit = limit
        self.rest = b""

    def receive(self) -> bytes | None:
        """Receive a whole frame; None at the end of the stream. ValueError when it claims more than the limit."""
        data = self.rest or os.read(self.fd, _CHUNK)
        size = int.from_bytes(data[:4], "little")
        if len(data) == 4 + size and data:
            self.rest = b""
            return data[4:]
        return self._slowly(data)

    def _slowly(self, data: bytes) -> bytes | None:
        """A frame in several pieces, or several frames in one piece."""
        parts, length = [data], len(data)
        wanted = 4
        while length < wanted or wanted == 4:
            if length >= 4:
                head = b"".join(parts)
                wanted = 4 + int.from_bytes(head[:4], "little")
                if wanted > 4 + self.limit:
                    raise ValueError(f"a message of {wanted - 4} bytes")
                parts = [head]
                if length >= wanted or wanted == 4:
                    break
            more = os.read(self.fd, min(max(wanted - length, _CHUNK), 1 << 20))
            if not more:
                return None
            parts.append(more)
            length += len(more)
        whole = b"".join(parts)
        self.rest = whole[wanted:]
        return whole[4:wanted]


def split(data: bytes) -> list[bytes]:
    """The whole frames in these bytes; an unfinished last one is left out."""
    messages, at = [], 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if size > len(data) - at - 4:
            break
        messages.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return messages
