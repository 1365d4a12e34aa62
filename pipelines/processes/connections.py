"""Connections of the reward server: bounded in number, and closed if no whole request comes in time.

uvicorn waits for the rest of a request's head without end, and half a head costs its sender nothing.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 512
"""Open connections; beyond it the oldest without a request under way is closed."""
HEAD_SECONDS = 10.0
"""For the head of a request, and for the rest of a body that nobody reads."""
HEAD_BYTES = 16 << 10


class BoundedConnection(H11Protocol):
    """A connection of uvicorn with a bound on the time in which no request is under way."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection; where there are too many, close the one that has waited longest."""
        if len(self.connections) >= MOST:
            idle = [
                connection
                for connection in self.connections
                if isinstance(connection, BoundedConnection) and connection._deadline is not None
            ]
            if not idle:
                return transport.abort()
            min(idle, key=lambda connection: connection._deadline.when())._give_up()  # type: ignore[union-attr]
        super().connection_made(transport)
        return self._wait()

    def data_received(self, data: bytes) -> None:
        """Handle bytes of a request."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """After an answer the next request must come in time."""
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the time."""
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Run the time while no request is under way; more bytes of the same head do not extend it."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._stop()
        self.transport.abort()


def settings() -> dict[str, Any]:
    """Arguments of uvicorn's Config."""
    return {"http": BoundedConnection, "ws": "none", "h11_max_incomplete_event_size": HEAD_BYTES}
