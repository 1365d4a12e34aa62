"""Draws the batches of a round: leases one after another, claims and draws what each misses, hands it on to be committed.

There is one draw worker, or several for a spooled engine, whose servers would else be idle at the end of each batch. A
batch that another command holds is postponed and checked again until it is done or its lease ends; so is the part of a
batch that another command draws within a batch of a different recipe with shared completions. No more than `uncommitted`
batches are drawn and not committed. A failure is raised after the completions drawn before it are passed on.
"""

import threading
from collections import deque
from collections.abc import Sequence, Set
from functools import partial

import pyarrow as pa

from rollmill.flows.progress import Event
from rollmill.flows.rounds.drawing.batches import MissingMask, OpenBatch, PlanBatch, survey
from rollmill.flows.rounds.drawing.queues import BatchCompletions, BatchVerdicts, EndOfDrawing, RoundQueues
from rollmill.flows.rounds.drawing.refusals import count_refusals
from rollmill.flows.rounds.drawing.texts import BatchTexts
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import repeated_ids
from rollmill.flows.sampling.claim import ClaimedBatch, claim
from rollmill.flows.sampling.control import StopSignal
from rollmill.flows.sampling.draw import BatchDrawer, Drawn, Segment, calls_of
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.http.refusals import SharedRefusal, is_refused
from rollmill.roles.engine_roles import DrainableGenerator, Interruptible
from rollmill.storage.segments.keys import Commit

Todo = Sequence[tuple[PlanBatch, MissingMask]]
Waiting = deque[tuple[PlanBatch, MissingMask]]
LOOKED_AT = 10_000  # planned completions of a step among which an answer is searched


class RoundDrawer:
    """Draws the batches of one round. `in_flight`: completions that are drawn or being drawn, and not committed.

    `foreign`: the store's counter of other commands' segments, read before the search for missing rows.
    """

    def __init__(self, run: OpenRun, queues: RoundQueues, foreign: int) -> None:
        self._run, self._queues, self._foreign = run, queues, foreign
        self.limiter = run.limiter()
        self._drawer = BatchDrawer(run.workspace, self.limiter, queues, threading.Lock())
        self.arrived, self.heartbeat = self._drawer.arrived, self._drawer.heartbeat
        self.in_flight: set[str] = set()
        self._texts = BatchTexts(run.workspace, ())
        self._shared: frozenset[str] = frozenset()
        self._opening = threading.Lock()

    def run(self, todo: Todo) -> None:
        """The body of the first draw worker, which starts and joins the others."""
        self.limiter.expect((batch, partial(_missing, batch, mask)) for batch, mask in todo if mask.draws)
        self._texts = BatchTexts(
            self._run.workspace, ((batch, mask.work(batch)) for batch, mask in todo if mask.judges_stored)
        )
        self._shared = repeated_ids(pa.chunked_array([c for b, _ in todo for c in b.rows.column("completion_id").chunks]))
        waiting = deque(todo)
        others = [self._queues.thread(f"draw-{n}", lambda: self._work(waiting)) for n in range(1, self._workers(todo))]
        try:
            count_refusals(self._run, [batch for batch, mask in todo if mask.draws])
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
        """Seconds from the first request of the round to its last reply."""
        return self._drawer.seconds

    def interrupt(self) -> None:
        """Make an engine give up its requests in flight, if it can; from any thread."""
        for engine in self._run.session.engines.built():
            if isinstance(engine, Interruptible):
                engine.interrupt()

    def wind_down(self) -> None:
        """Make an engine that can send nothing more, and give what still arrives, do so; from any thread."""
        for engine in self._run.session.engines.built():
            if isinstance(engine, DrainableGenerator):
                engine.wind_down()

    def _workers(self, todo: Todo) -> int:
        """Number of batches drawn at the same time: the largest number that any engine of the round takes."""
        drawing = {batch.step for batch, mask in todo if mask.draws and not batch.imported}
        engines = [self._run.engine(step) for step in sorted(drawing)]
        workers = self._queues.limits.draw_workers
        most = max((workers if engine.spooled else calls_of(engine) for engine in engines), default=1)
        return min(most, len(todo))

    def _work(self, waiting: Waiting) -> None:
        """Draw batches one by one until none is left."""
        while True:
            with self._opening:
                open_batch = self._next(waiting)
            if open_batch is None:
                return
            try:
                try:
                    self._drawer.draw(open_batch, self.wind_down)
                except SharedRefusal as shared:
                    self._accept(shared, open_batch)
                    self._drawer.draw(open_batch, self.wind_down)
            except BaseException as error:
                # What an in-process engine gave before it failed is handed on; a spooled engine's replies are on disk.
                if not open_batch.batch.engine.spooled and open_batch.drawn:
                    self._queues.inbox.put(BatchCompletions(open_batch, whole=False))
                if isinstance(error, Exception):
                    self._queues.check()  # what an engine raises because it was interrupted is no failure
                raise
            self._hand_on(open_batch)

    def _accept(self, shared: SharedRefusal, open_batch: OpenBatch) -> None:
        """Take a refusal that prompts share as theirs if the step has answers from an earlier command; else raise it."""
        plans = self._run.memory.plans
        ids = [row.completion_id for plan in plans for row in plan if row.step == open_batch.batch.step]
        if all(map(is_refused, self._run.workspace.segments.fetch("completions", ids[:LOOKED_AT]))):
            raise shared
        shared.refusals.accepted = True

    def _next(self, waiting: Waiting) -> OpenBatch | None:
        """The next leased batch with completions to draw; batches that lack only verdicts are passed on immediately."""
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

    def _open(self, batch: PlanBatch, mask: MissingMask) -> tuple[OpenBatch | None, MissingMask | None]:
        """A batch with the missing rows that no other command draws, and those that others draw, which are postponed."""
        queues, work = self._queues, mask.work(batch)
        queues.permit(queues.unjudged)
        # Before the lease: who held it while waiting would keep other commands from a batch that nobody draws.
        while self.in_flight.intersection(batch.completion_ids):
            queues.pause(0.01)  # two problems with one prompt share completions: wait until those are committed
        wanted = () if batch.imported else work.missing
        claimed = claim(self._run.workspace, self.heartbeat, batch, wanted, self._stored_since)
        if claimed is None:
            queues.unjudged.release()
            return None, mask
        # An older mask stands unless something of it was stored since.
        if mask.known or claimed.stored or not claimed.missing:
            work = next(survey(self._run, [batch]))
        work, later = work.split(claimed.elsewhere)
        if work.nothing and not later.nothing:
            self.heartbeat.release(claimed.lease)
            queues.unjudged.release()
            return None, MissingMask.of(batch, later)
        queues.batches_opened += 1
        at_hand = self._texts.of(batch, work)
        at_hand |= {cid: claimed.completions[cid] for cid in work.missing if cid in claimed.completions}
        open_batch = OpenBatch(batch, claimed.lease, work.missing, at_hand, unjudged=work.unjudged, known=work.known)
        return open_batch, None if later.nothing else MissingMask.of(batch, later)

    def _stored_since(self, missing: Sequence[str]) -> Set[str]:
        """Completions stored by now of those that were missing when the round began."""
        if self._run.workspace.segments.foreign("completions") == self._foreign and self._shared.isdisjoint(missing):
            return frozenset()
        return self._run.workspace.segments.present("completions", missing)

    def commit(self, drawn: Sequence[ClaimedBatch], others: Sequence[Segment]) -> tuple[list[Drawn], list[Commit]]:
        """Store the drawn completions of these batches, and other segments; see BatchDrawer.commit."""
        commits = self._drawer.commit(drawn, others, self._run.id)
        self.in_flight.difference_update(cid for open_batch in drawn for cid in open_batch.missing)
        return commits

    def _begin(self, open_batch: OpenBatch) -> bool:
        """Start a batch: True if completions are to be drawn; completions stored by now are queued for judging."""
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
        """Pass a batch on to judging; a batch cut short by a limit continues with its drawn part."""
        # What the limit left out is no failure: the batch is judged as far as it was drawn, and the rest stays missing.
        refused = open_batch.undrawn
        self.in_flight.difference_update(refused)
        open_batch.leave(refused)
        if open_batch.missing:
            self._queues.inbox.put(BatchCompletions(open_batch, whole=True))
        else:
            self._queues.uncommitted.release()
            self._pass_on(open_batch)

    def _pass_on(self, open_batch: OpenBatch) -> None:
        """A batch of which nothing is to be drawn, or nothing may be: its rows that are stored are judged."""
        if open_batch.unjudged:
            self._queues.to_judge.put(open_batch)
        else:
            self._queues.inbox.put(BatchVerdicts(open_batch, ()))


def _missing(batch: PlanBatch, mask: MissingMask) -> Sequence[str]:
    return mask.work(batch).missing
