"""Queues, permits and the first failure, shared by the threads of a round.

Permits, not queue lengths, bound the batches under way. A batch holds an `uncommitted` permit from its first draw until its
completions are a segment, and an `unjudged` permit until its verdicts are one. A queue never holds more batches than there
are permits, so no put blocks and no two threads can wait for one another.
"""

import queue
import threading
import time
from dataclasses import dataclass

from rollmill.flows.rounds.drawing.batches import OpenBatch
from rollmill.flows.sampling.control import Control, QueueLimits
from rollmill.ground.records import Verdict


@dataclass(frozen=True, slots=True)
class BatchCompletions:
    """A batch whose completions are at hand and not yet committed. `whole` False: the engine failed half-way."""

    open: OpenBatch
    whole: bool


@dataclass(frozen=True, slots=True)
class BatchVerdicts:
    """A batch whose new verdicts are at hand and not yet committed; `whole` False: a limit left rows without one."""

    open: OpenBatch
    verdicts: tuple[Verdict, ...]
    whole: bool = True


@dataclass(frozen=True, slots=True)
class EndOfDrawing:
    """The generator thread has opened its last batch."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Signal that something failed and the queues need a look."""


Item = BatchCompletions | BatchVerdicts | EndOfDrawing | Wake


class RoundQueues(Control):
    """Queues and permits of one round. `limit_reason`: the spend limit that kept a batch from being judged."""

    def __init__(self, limits: QueueLimits) -> None:
        super().__init__(limits)
        self.inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.to_judge: queue.SimpleQueue[OpenBatch | None] = queue.SimpleQueue()
        self.uncommitted = threading.Semaphore(limits.uncommitted)
        self.unjudged = threading.Semaphore(limits.unjudged)
        self.batches_opened = 0
        self.limit_reason: str | None = None

    def stop(self) -> None:
        """Make every thread leave at its next wait or completion."""
        super().stop()
        for _ in range(self.limits.verify_threads):
            self.to_judge.put(None)

    def fail(self, error: BaseException) -> None:
        """Record the first failure and stop; the thread that runs the round raises it."""
        super().fail(error)
        self.inbox.put(Wake())


class Clock:
    """Seconds since a round began."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """Elapsed seconds."""
        return time.monotonic() - self._began
