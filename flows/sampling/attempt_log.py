"""Attempts on their way to the ledger: summed up while a batch is drawn, written every few seconds. Knows no engine."""

import time
from collections.abc import Sequence

from storage.records import Attempt
from storage.workspace import Workspace

EVERY = 2.0  # seconds: each writing is a transaction


class AttemptLog:
    """The attempts of one batch. Only what was not yet written is lost with the process, and that is only a count."""

    def __init__(self, ws: Workspace, run: str, batch_id: str) -> None:
        self._ws, self._run, self._batch = ws, run, batch_id
        self._sums: dict[tuple[str, str], Attempt] = {}
        self._written = time.monotonic()

    def __call__(self, attempts: Sequence[Attempt]) -> None:
        """Add these."""
        for attempt in attempts:
            key = attempt.replica, attempt.outcome
            before = self._sums.get(key)
            count, seconds = (0, 0.0) if before is None else (before.count, before.seconds)
            total = count + attempt.count, seconds + attempt.seconds
            self._sums[key] = Attempt(*key, *total, attempt.completion_id)

    def write(self, *, now: bool = False) -> None:
        """Write what has come, if it is time."""
        if now or time.monotonic() - self._written >= EVERY:
            sums, self._sums = self._sums, {}
            self._ws.attempts.add(self._run, self._batch, list(sums.values()))
            self._written = time.monotonic()
