"""Connections of a server on this machine: bounded in number, and closed if no whole request comes in time.

uvicorn waits without end for the rest of a request's head and for a client that does not read its answer. Both cost the
client nothing; a thousand of them take all files of the process, which then answers nobody and fills its log.
"""

import asyncio
import logging
import resource
import time
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import h11

MOST = 512
"""Open connections; beyond it the one is closed that has waited longest: for a request, or for its client to read."""
MOST_BUSY = 2_048
"""The same where none has waited for GRACE_SECONDS; where none waits at all, a new one is refused."""
GRACE_SECONDS = 1.0
"""For a request to follow its connection while the server is busy."""
HEAD_SECONDS = 10.0
"""For the head of a request, and for the rest of a body that nobody reads."""
HEAD_BYTES = 16 << 10
FILES = 6_144
"""Open files that a server may need: asyncio takes 2048 connections at once before any is looked at."""
MOST_REMARKS = 60
"""Remarks of uvicorn a minute: each malformed request causes one, with or without the secret."""


class BoundedConnection(H11Protocol):
    """A connection of uvicorn with a bound on the time in which no request is under way."""

    _deadline: asyncio.TimerHandle | None = None
    _upgraded = False
    _began = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there are too many, close the one that has waited longest."""
        if len(self.connections) >= MOST:
            waiting = [held for held in self.connections if isinstance(held, BoundedConnection) and held.waits()]
            oldest = min(waiting, key=lambda held: held._began, default=None)
            full = len(self.connections) >= MOST_BUSY
            if oldest is not None and (full or time.monotonic() - oldest._began > GRACE_SECONDS):
                oldest._give_up()
            elif full:
                return transport.abort()
        super().connection_made(transport)
        return self._wait()

    def waits(self) -> bool:
        """True while the client is to send a request, or to read an answer."""
        return not self.transport.is_closing() and (self._deadline is not None or self.flow.write_paused)

    def data_received(self, data: bytes) -> None:
        """Handle bytes of a request."""
        super().data_received(data)
        self._wait()

    def handle_websocket_upgrade(self, event: "h11.Request") -> None:
        """Leave the connection to a WebSocket, which has times of its own."""
        self._upgraded = True
        self._stop()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """After an answer the next request must come in time."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time."""
        self._stop()
        if self.transport is not None:  # one that was refused has none
            super().connection_lost(exc)

    def _wait(self) -> None:
        """Run the time while no request is under way; more bytes of the same head do not extend it."""
        if self._upgraded or (self.cycle is not None and not self.cycle.response_complete):
            self._stop()
        elif self._deadline is None and not self.transport.is_closing():
            self._began = time.monotonic()
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._stop()
        self.transport.abort()


class _Seldom(logging.Filter):
    """Lets so many records a minute through, and says that others were left out."""

    _minute, _count = -1, 0

    def filter(self, record: logging.LogRecord) -> bool:
        minute = int(record.created // 60)
        self._minute, self._count = minute, self._count + 1 if minute == self._minute else 1
        if self._count == MOST_REMARKS:
            record.msg, record.args, record.exc_info = "More of this minute is left out.", (), None
        return self._count <= MOST_REMARKS


def bound() -> None:
    """Make bounded connections, and few remarks about them, uvicorn's choice in this process."""
    from uvicorn import config

    _allow_files()
    config.HTTP_PROTOCOLS["auto"] = f"{__name__}:{BoundedConnection.__name__}"
    logging.getLogger("uvicorn.error").addFilter(_Seldom())


def settings() -> dict[str, Any]:
    """Arguments of uvicorn's Config for a server without WebSockets."""
    _allow_files()
    return {"http": BoundedConnection, "ws": "none", "h11_max_incomplete_event_size": HEAD_BYTES}


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, hard) if hard >= 0 else FILES, hard))
