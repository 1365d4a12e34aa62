"""Making replies durable while a batch is drawn. Knows the spool and the clock; no engine.

Replies are written in groups of 32, or after a fifth of a second by the heartbeat, whichever comes first: a kill
repays the requests in flight and what came in that fifth, at a small share of the cost of one fsync per reply.
"""

import threading

from storage.records import Completion
from storage.spool import Spool

GROUP = 32


class SpoolWriter:
    """Groups the replies of one batch on their way to its spool; safe to use from two threads."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._pending: list[Completion] = []
        self._lock = threading.Lock()

    def add(self, completion: Completion) -> None:
        """Take a reply; write the group when it is full."""
        with self._lock:
            self._pending.append(completion)
            if len(self._pending) >= GROUP:
                self._write()

    def flush(self) -> None:
        """Write what is pending."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write what is pending and close the file, which stays until the batch is a segment."""
        with self._lock:
            self._write()
            self._spool.close()

    def _write(self) -> None:
        if self._pending:
            self._spool.append(self._pending)
            self._pending.clear()
