"""Draws the batches of a round: leases one after another, claims and draws what each misses, hands it on to be committed.

There is one draw worker, or several for a spooled engine, whose servers would else be idle at the end of each batch. A
batch that another command holds is left for later and looked at again until it is done or its lease ends; so is the part of
a batch that another command draws within a batch of its own (of a recipe that shares completions with this one). No more
than `uncommitted` batches are drawn and not committed. A failure half-way is raised when what was drawn before it is handed
on.
"""

import threading
from collections import deque
from collections.abc import Sequence
from functools import partial

import pyarrow as pa

from flows.rounds.batches import Batch, MissingMask, MissingWork, OpenBatch, survey
from flows.rounds.open_run import Event, OpenRun
from flows.rounds.plan_rows import repeated_ids
from flows.rounds.queues import BatchCompletions, BatchVerdicts, EndOfDrawing, RoundQueues
from flows.rounds.texts import Texts
from flows.sampling.control import StopSignal
from flows.sampling.draw import BatchDrawer, calls_of
from flows.sampling.heartbeat import LeaseHeartbeat
from flows.sampling.spend_limiter import SpendLimiter
from pipelines.protocols import Interruptible, WindsDown
from storage.errors import SetupError
from storage.ledger.leases import Lease
from storage.workspace import Workspace

Todo = Sequence[tuple[Batch, MissingMask]]
Waiting = deque[tuple[Batch, MissingMask]]


class RoundDrawer:
    """Draws the batches of one round. `in_flight`: completions that are drawn or being drawn, and not committed.

    `foreign`: what the store said of other commands' segments before it was asked what the batches miss.
    """

    def __init__(self, ws: Workspace, run: OpenRun, queues: RoundQueues, heartbeat: LeaseHeartbeat, foreign: int) -> None:
        self._ws, self._run, self._queues, self._heartbeat, self._foreign = ws, run, queues, heartbeat, foreign
        self.limiter: SpendLimiter = run.limiter(ws)
        self._drawer = BatchDrawer(ws, run.id, self.limiter, heartbeat, queues, threading.Lock())
        self.arrived = self._drawer.arrived
        self.in_flight: set[str] = set()
        self._texts = Texts(ws, ())
        self._shared: frozenset[str] = frozenset()
        self._opening = threading.Lock()

    def run(self, todo: Todo) -> None:
        """The body of the first draw worker, which starts and joins the others."""
        self.limiter.expect((batch, partial(_missing, batch, mask)) for batch, mask in todo if mask.draws)
        self._texts = Texts(self._ws, ((batch, mask.work(batch)) for batch, mask in todo if mask.judges_stored))
        self._shared = repeated_ids(pa.chunked_array([c for b, _ in todo for c in b.rows.column("completion_id").chunks]))
        waiting = deque(todo)
        others = [self._queues.thread(f"draw-{n}", lambda: self._work(waiting)) for n in range(1, self._workers(todo))]
        try:
            self._work(waiting)
        except Exception as error:
            if not isinstance(error, StopSignal):
                self._queues.fail(error)
            raise
        finally:
            for other in others:
                other.join()
            self._texts.close()
        self._queues.inbox.put(EndOfDrawing())

    @property
    def seconds(self) -> float:
        """From the first request of the round to its last reply."""
        return self._drawer.seconds

    def interrupt(self) -> None:
        """Make an engine that can give up what is under way do so; from any thread."""
        for engine in self._run.engines():
            if isinstance(engine, Interruptible):
                engine.interrupt()

    def wind_down(self) -> None:
        """Make an engine that can send nothing more, and give what still arrives, do so; from any thread."""
        for engine in self._run.engines():
            if isinstance(engine, WindsDown):
                engine.wind_down()

    def _workers(self, todo: Todo) -> int:
        """How many batches are drawn side by side: as many as the most capable engine takes at once."""
        drawing = {batch.step for batch, mask in todo if mask.draws and not batch.imported}
        engines = [self._run.engine(step) for step in sorted(drawing)]
        workers = self._queues.limits.draw_workers
        most = max((workers if engine.spooled else calls_of(engine) for engine in engines), default=1)
        return min(most, len(todo))

    def _work(self, waiting: Waiting) -> None:
        """One batch after another until none is left."""
        while True:
            with self._opening:
                open_batch = self._next(waiting)
            if open_batch is None:
                return
            try:
                self._drawer.draw(open_batch, self.wind_down)
            except BaseException as error:
                # What an in-process engine gave before it failed is handed on; a spooled engine's replies are on disk.
                if not open_batch.batch.engine.spooled and not open_batch.completions.keys().isdisjoint(open_batch.missing):
                    self._queues.inbox.put(BatchCompletions(open_batch, whole=False))
                if isinstance(error, Exception):
                    self._queues.check()  # what an engine raises because it was interrupted is no failure
                raise
            self._hand_on(open_batch)

    def _next(self, waiting: Waiting) -> OpenBatch | None:
        """The next leased batch of which something is to be drawn; batches that miss less go on their way at once."""
        refused = 0
        while waiting and not self.limiter.exhausted:
            batch, mask = waiting.popleft()
            open_batch, later = self._open(batch, mask)
            if later is not None:
                waiting.append((batch, later))
            if open_batch is None:
                refused += 1
                # All that is left is in the hands of other commands: look again after a while instead of spinning.
                if refused >= len(waiting):
                    self._run.tell(Event("waiting", batch.round, 0, len(waiting), 0, 0.0))
                    self._queues.pause(self._queues.limits.poll_seconds)
                    refused = 0
                continue
            refused = 0
            if self._begin(open_batch):
                return open_batch
        return None

    def _open(self, batch: Batch, mask: MissingMask) -> tuple[OpenBatch | None, MissingMask | None]:
        """Lease a batch and claim what it misses; what of it another command has under way is left for later."""
        queues, work = self._queues, mask.work(batch)
        queues.permit(queues.unjudged)
        # Before the lease: who held it while waiting would keep other commands from a batch that nobody draws.
        while self.in_flight.intersection(batch.completion_ids):
            queues.pause(0.01)  # two problems with one prompt share completions: wait until those are committed
        # The claim goes with the lease in one transaction; between two, another command could begin the same completions.
        lease = self._ws.ledger.leases.acquire(f"batch/{batch.id}", queues.limits.lease_seconds, work.missing)
        if lease is None:
            queues.unjudged.release()
            return None, mask
        self._heartbeat.hold(lease)
        open_batch, later = self._claimed(batch, mask, work, lease)
        if open_batch is None:
            self._heartbeat.release(lease)
            queues.unjudged.release()
        else:
            queues.batches_opened += 1
        return open_batch, later

    def _claimed(
        self, batch: Batch, mask: MissingMask, work: MissingWork, lease: Lease
    ) -> tuple[OpenBatch | None, MissingMask | None]:
        """The batch with what it misses and no other command draws now, and what others do.

        An older mask stands unless something of it was stored since. That is asked after the claim: what is neither stored
        then nor claimed by others, nobody else begins to draw. Replies that a killed command left are at hand.
        """
        if not work.missing or batch.imported:
            work = next(survey(self._ws, self._run, [batch]))
            return OpenBatch(batch, lease, work, self._texts.of(batch, work)), None
        spooled = self._ws.spool(batch.id).read() if batch.engine.spooled else []
        claimed_by_others = set(work.missing) - lease.claimed - {completion.id for completion in spooled}
        if claimed_by_others == set(work.missing):
            return None, mask
        if mask.known or self._stored_since(work):
            work = next(survey(self._ws, self._run, [batch]))
        work, later = work.split(claimed_by_others)
        at_hand = self._texts.of(batch, work)
        at_hand |= {completion.id: completion for completion in spooled if completion.id in work.missing}
        return (
            None if work.nothing and not later.nothing else OpenBatch(batch, lease, work, at_hand),
            None if later.nothing else MissingMask.of(batch, later),
        )

    def _stored_since(self, work: MissingWork) -> bool:
        """Whether something that was missing when the round began is stored by now."""
        if self._ws.segments.foreign("completions") == self._foreign and self._shared.isdisjoint(work.missing):
            return False
        return bool(self._ws.segments.present("completions", work.missing))

    def _begin(self, open_batch: OpenBatch) -> bool:
        """Whether something of it is to be drawn; what is drawn by now is sent on to be judged."""
        if open_batch.missing and open_batch.batch.imported:
            raise SetupError(
                f"{len(open_batch.missing)} imported completions of run {self._run.id} are no longer stored.",
                next_command="rollmill import rollouts FILE",
            )
        if open_batch.missing:
            self._queues.permit(self._queues.uncommitted)
            self.in_flight.update(open_batch.missing)
            return True
        self._pass_on(open_batch)
        return False

    def _hand_on(self, open_batch: OpenBatch) -> None:
        """Send a batch on its way; one that a limit cut short goes on with what was drawn of it."""
        # What the limit left out is no failure: the batch is judged as far as it was drawn, and the rest stays missing.
        refused = [cid for cid in open_batch.missing if cid not in open_batch.completions]
        self.in_flight.difference_update(refused)
        open_batch.work, _ = open_batch.work.split(refused)
        if open_batch.missing:
            self._queues.inbox.put(BatchCompletions(open_batch, whole=True))
        else:
            self._queues.uncommitted.release()
            self._pass_on(open_batch)

    def _pass_on(self, open_batch: OpenBatch) -> None:
        """A batch of which nothing is to be drawn, or nothing may be: its rows that are stored are judged."""
        if open_batch.work.unjudged:
            self._queues.to_judge.put(open_batch)
        else:
            self._queues.inbox.put(BatchVerdicts(open_batch, ()))


def _missing(batch: Batch, mask: MissingMask) -> Sequence[str]:
    return mask.work(batch).missing
