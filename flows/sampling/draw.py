"""The generator threads: lease a batch, claim and draw what it lacks, hand it on. Know engines and spools; commit nothing.

There is one, or several lanes for a spooled engine, whose servers would else be idle at the end of each batch. A batch that
another command holds is left for later and looked at again until it is done or its lease ends; so is the part of a batch
that another command draws within a batch of its own (of a recipe that shares completions with this one). Replies of a
spooled engine are durable before the batch is; those of an in-process engine live in memory until then, and no more than
`uncommitted` batches of them. A failure half-way hands on what was drawn before it is raised.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pyarrow as pa

from flows.rounds.columns import repeated
from flows.rounds.plan import id_of, request_of
from flows.rounds.spec import Event, RunSpec
from flows.rounds.texts import Texts
from flows.sampling.attempt_log import AttemptLog
from flows.sampling.batches import Batch, MissingMask, MissingWork, OpenBatch, survey
from flows.sampling.heartbeat import LeaseHeartbeat
from flows.sampling.queues import BatchCompletions, BatchVerdicts, EndOfDrawing, RoundQueues, StopSignal
from flows.sampling.spend_limiter import SpendLimiter
from flows.sampling.spool_writer import SpoolWriter
from pipelines.protocols import Generator
from storage.errors import SetupError, broken
from storage.ids import digest128
from storage.ledger.leases import Lease
from storage.records import Attempt, Completion, PlanRow, Request
from storage.segments.keys import SegmentKey
from storage.spool import Spool
from storage.workspace import Workspace

Waiting = deque[tuple[Batch, MissingMask]]
Groups = Callable[[Sequence[Request], Callable[[Sequence[Attempt]], None]], Iterator[Sequence[Completion]]]


@dataclass(slots=True)
class Arrivals:
    """What has come of a batch that is not committed yet: news for who watches, durable or not."""

    rows: int = 0
    tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Count one."""
        self.rows += 1
        self.tokens += completion.tokens_out or 0


class Drawer:
    """Draws the batches of one round. `arrived`: counts by batch id, until the committer takes them away.

    `foreign`: what the store said of other commands' segments before it was asked what the batches lack.
    """

    def __init__(self, ws: Workspace, spec: RunSpec, line: RoundQueues, keeper: LeaseHeartbeat, foreign: int) -> None:
        self._ws, self._spec, self._line, self._keeper, self._foreign = ws, spec, line, keeper, foreign
        self.purse = SpendLimiter(ws, spec, line)
        self._texts = Texts(ws, ())
        self.in_flight: set[str] = set()
        self.arrived: dict[str, Arrivals] = {}
        self._shared: frozenset[str] = frozenset()
        self._opening = threading.Lock()
        self._in_process = threading.Lock()

    def run(self, todo: Sequence[tuple[Batch, MissingMask]]) -> None:
        """The body of the first generator thread, which starts and joins the other lanes."""
        self.purse.open(todo)
        self._texts = Texts(self._ws, ((batch, look.lack(batch)) for batch, look in todo if look.judges_stored))
        self._shared = repeated(pa.chunked_array([c for b, _ in todo for c in b.rows.column("completion_id").chunks]))
        waiting = deque(todo)
        others = [self._line.thread(f"draw-{n}", lambda: self._lane(waiting)) for n in range(1, self._lanes(todo))]
        try:
            self._lane(waiting)
        except Exception as error:
            if not isinstance(error, StopSignal):
                self._line.fail(error)
            raise
        finally:
            for other in others:
                other.join()
            self._texts.close()
        self._line.inbox.put(EndOfDrawing())

    def interrupt(self) -> None:
        """Make an engine that can give up what is under way do so; from any thread."""
        self._tell("interrupt")

    def wind_down(self) -> None:
        """Make an engine that can send nothing more, and give what still arrives, do so; from any thread."""
        self._tell("wind_down")

    def _tell(self, what: str) -> None:
        for engine in self._spec.engines():
            do = getattr(engine, what, None)
            if do is not None:
                do()

    def _lanes(self, todo: Sequence[tuple[Batch, MissingMask]]) -> int:
        """How many batches are drawn side by side: as many as the most capable engine takes at once."""
        if self._spec.generator is None:
            return 1
        engines = [self._spec.engine(arm) for arm in sorted({batch.arm for batch, look in todo if look.draws})]
        most = max((self._line.limits.lanes if engine.spooled else calls_of(engine) for engine in engines), default=1)
        return min(most, len(todo))

    def _lane(self, waiting: Waiting) -> None:
        """One batch after another until none is left."""
        while True:
            with self._opening:
                opened = self._next(waiting)
            if opened is None:
                return
            try:
                self._draw(opened)
            except Exception:
                self._line.check()  # what an engine raises because it was interrupted is no failure
                raise

    def _next(self, waiting: Waiting) -> OpenBatch | None:
        """The next leased batch of which something is to be drawn; batches that lack less go on their way at once."""
        refused = 0
        while waiting and not self.purse.empty:
            batch, look = waiting.popleft()
            opened, later = self._open(batch, look)
            if later is not None:
                waiting.append((batch, later))
            if opened is None:
                refused += 1
                if refused >= len(waiting):
                    self._spec.tell(Event("waiting", batch.round, 0, len(waiting), 0, 0.0))
                    self._line.pause(self._line.limits.poll_seconds)
                    refused = 0
                continue
            refused = 0
            if self._begin(opened):
                return opened
        return None

    def _open(self, batch: Batch, look: MissingMask) -> tuple[OpenBatch | None, MissingMask | None]:
        """Lease a batch and claim what it lacks; what of it another command has under way is left for later."""
        line, lack = self._line, look.lack(batch)
        line.permit(line.unjudged)
        while self.in_flight.intersection(batch.completion_ids):
            line.pause(0.01)  # two problems with one prompt share completions: wait until those are committed
        lease = self._ws.ledger.leases.acquire(f"batch/{batch.id}", line.limits.lease_seconds, lack.missing)
        if lease is None:
            line.unjudged.release()
            return None, look
        self._keeper.hold(lease)
        opened, later = self._claimed(batch, look, lack, lease)
        if opened is None:
            self._keeper.release(lease)
            line.unjudged.release()
        else:
            line.opened += 1
        return opened, later

    def _claimed(
        self, batch: Batch, look: MissingMask, lack: MissingWork, lease: Lease
    ) -> tuple[OpenBatch | None, MissingMask | None]:
        """The batch with what it lacks and no other command draws now, and what others do.

        An older look stands unless something of it was stored since. That is asked after the claim: what is neither stored
        then nor claimed by others, nobody else begins to draw. Replies that a killed command left are at hand.
        """
        if not lack.missing or self._spec.generator is None:
            lack = next(survey(self._ws, self._spec, [batch]))
            return OpenBatch(batch, lease, lack, self._texts.of(batch, lack)), None
        left = self._ws.spool(batch.id).read() if self._spec.engine(batch.arm).spooled else []
        held = set(lack.missing) - lease.claimed - {record.id for record in left}
        if held == set(lack.missing):
            return None, look
        if look.known or self._stored_since(lack):
            lack = next(survey(self._ws, self._spec, [batch]))
        lack, later = lack.parted(held)
        found = self._texts.of(batch, lack) | {record.id: record for record in left if record.id in lack.missing}
        return (
            None if lack.nothing and not later.nothing else OpenBatch(batch, lease, lack, found),
            None if later.nothing else MissingMask.of(batch, later),
        )

    def _stored_since(self, lack: MissingWork) -> bool:
        """Whether something that was missing when the round began is stored by now."""
        if self._ws.segments.foreign("completions") == self._foreign and self._shared.isdisjoint(lack.missing):
            return False
        return bool(self._ws.segments.present("completions", lack.missing))

    def _begin(self, opened: OpenBatch) -> bool:
        """Whether something of it is to be drawn; what is drawn by now is sent on to be judged."""
        line, lack = self._line, opened.lack
        if lack.missing and self._spec.generator is None:
            raise SetupError(
                f"{len(lack.missing)} imported completions of run {self._spec.run} are no longer stored.",
                next_command="rollmill import rollouts FILE",
            )
        if lack.missing:
            line.permit(line.uncommitted)
            self.in_flight.update(lack.missing)
            return True
        self._pass_on(opened)
        return False

    def _pass_on(self, opened: OpenBatch) -> None:
        """A batch of which nothing is to be drawn, or nothing may be: its rows that are stored are judged."""
        if opened.lack.unjudged:
            self._line.to_judge.put(opened)
        else:
            self._line.inbox.put(BatchVerdicts(opened, ()))

    def _draw(self, opened: OpenBatch) -> None:
        """Draw what is missing and hand it on; what an in-process engine gave before it failed is handed on as well."""
        self._line.check()
        requests = list(_requests(self._spec, opened))
        engine = self._spec.engine(opened.batch.arm)
        try:
            if engine.spooled:
                self._draw_spooled(engine, opened, requests)
            else:
                with self._in_process if calls_of(engine) == 1 else nullcontext():
                    for part in self.purse.parts(opened, requests):
                        self._draw_all(engine, opened, part)
        except BaseException:
            if not engine.spooled and not opened.completions.keys().isdisjoint(opened.lack.missing):
                self._line.inbox.put(BatchCompletions(opened, whole=False))
            raise
        self._hand_on(opened)

    def _hand_on(self, opened: OpenBatch) -> None:
        """Send a batch on its way; one that a limit cut short goes on with what was drawn of it."""
        left = [cid for cid in opened.lack.missing if cid not in opened.completions]
        self.in_flight.difference_update(left)
        opened.lack, _ = opened.lack.parted(left)
        if opened.lack.missing:
            self._line.inbox.put(BatchCompletions(opened, whole=True))
        else:
            self._line.uncommitted.release()
            self._pass_on(opened)

    def _draw_spooled(self, engine: Generator, opened: OpenBatch, requests: Sequence[Request]) -> None:
        """Draw what the spool does not hold from before, each reply into the spool as it comes."""
        spool = self._ws.spool(opened.batch.id)
        missing = [request for request in requests if request.completion_id not in opened.completions]
        groups = getattr(engine, "groups", None)
        if groups is not None:
            for part in self.purse.parts(opened, missing):
                self._draw_groups(groups, opened, part, spool)
                _check_all_answered(engine, opened, part)
            return
        writer = SpoolWriter(spool)
        self._keeper.watch(writer)
        try:
            for part in self.purse.parts(opened, missing):
                self._draw_all(engine, opened, part, writer)
        finally:
            self._keeper.unwatch(writer)
            writer.close()

    def _draw_groups(self, groups: Groups, opened: OpenBatch, requests: Sequence[Request], spool: Spool) -> None:
        """Each group of replies in one write; the engine sends no more than it may lose until it is asked for the next."""
        wanted = {request.completion_id: request for request in requests}
        hearing, arrived = AttemptLog(self._ws, self._spec.run, opened.batch.id), self._arrived(opened)
        try:
            for group in groups(requests, hearing):
                for completion in group:
                    _check_answers(wanted.pop(completion.id, None), completion)
                    opened.completions[completion.id] = completion
                    arrived.add(completion)
                self._save(spool, group)
                hearing.write()
                if self._line.stopping:
                    self.wind_down()  # what is paid for and still arrives is kept, whichever batch has failed
        finally:
            spool.close()
            hearing.write(now=True)

    def _save(self, spool: Spool, group: Sequence[Completion]) -> None:
        """Into the spool; where it takes no more, nothing more is asked for that could not be kept either."""
        try:
            spool.append(group)
        except BaseException as error:
            self._line.fail(error)  # first of all: winding down makes the other batches fail as well, and that is no cause
            self.wind_down()
            raise

    def _draw_all(
        self, engine: Generator, opened: OpenBatch, requests: Sequence[Request], writer: SpoolWriter | None = None
    ) -> None:
        wanted, arrived = {request.completion_id: request for request in requests}, self._arrived(opened)
        for completion in (engine.generate(requests) or ()) if requests else ():
            _check_answers(wanted.pop(completion.id, None), completion)
            opened.completions[completion.id] = completion
            arrived.add(completion)
            if writer is not None:
                writer.add(completion)
            self._line.check()
        _check_all_answered(engine, opened, requests)

    def _arrived(self, opened: OpenBatch) -> Arrivals:
        return self.arrived.setdefault(opened.batch.id, Arrivals())


def calls_of(engine: Generator) -> int:
    """How many calls of `generate` an engine in this process takes at once; one that does not say so takes one."""
    return int(getattr(engine, "calls", 1))


def completions_key(spec: RunSpec, arm: str, ids: Sequence[str]) -> SegmentKey:
    """The segment of these completions of an arm's engine."""
    engine = spec.engine(arm)
    return SegmentKey("completions", engine.engine, engine.model_digest, digest128(["completions", sorted(ids)]))


def _requests(spec: RunSpec, opened: OpenBatch) -> Iterator[Request]:
    """The requests for what is missing, in plan order."""
    missing = set(opened.lack.missing)
    checked: set[str] = set()
    for row in opened.batch.rows:
        if row.completion_id not in missing:
            continue
        missing.discard(row.completion_id)
        if row.prompt_id not in checked:
            _check_model(spec, row)
            checked.add(row.prompt_id)
        yield request_of(spec, row)


def _check_model(spec: RunSpec, row: PlanRow) -> None:
    """SetupError where the model is no longer the one that was planned: its ids would not be the planned ones.

    One row of a prompt speaks for all, as engine, model, template and sampling are the same for each of them.
    """
    if id_of(spec, row) != row.completion_id:
        raise SetupError(
            f"run {spec.run} was planned with another model, chat template or sampling than "
            f"{spec.engine(row.arm).model} has now, and rows of that plan are missing.",
            next_command="restore the model, or give the changed recipe another name",
        )


def _check_all_answered(engine: Generator, opened: OpenBatch, requests: Sequence[Request]) -> None:
    missing = sum(request.completion_id not in opened.completions for request in requests)
    if missing:
        raise broken(f"engine {engine.engine!r} left {missing} of {len(requests)} requests without a completion")


def _check_answers(request: Request | None, completion: Completion) -> None:
    """What an engine yields must be what was asked, once; anything else is its bug and must not reach a segment."""
    if request is None:
        raise broken(f"the engine gave completion {completion.id}, which was not asked for, or gave it twice")
    if (completion.sample_index, completion.stream) != (request.sample_index, request.stream):
        raise broken(f"completion {completion.id} carries another sample index or stream than its request")
    if completion.finish_reason == "error":
        raise broken(f"completion {completion.id} is an error; failed attempts are the engine's to retry, not rows")
