"""Drawing of a claimed batch's missing completions, each reply durable before further requests, and their commit.

Replies of a spooled engine are durable before the batch is committed; those of an in-process engine live in memory until
then. After a failure the batch keeps the completions drawn before it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from rollmill.flows.sampling.charges import completions_key, paying, priced_completions
from rollmill.flows.sampling.claim import ClaimedBatch
from rollmill.flows.sampling.control import Control
from rollmill.flows.sampling.heartbeat import LeaseHeartbeat
from rollmill.flows.sampling.replies import AttemptLog, SpoolWriter
from rollmill.flows.sampling.spend_limiter import SpendLimiter
from rollmill.ground.errors import contract_error
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.returned import check_returned
from rollmill.roles.engine_roles import ConcurrentGenerator, Generator, GroupedGenerator
from rollmill.storage.segments.keys import Commit, SegmentKey
from rollmill.storage.segments.schema import Record
from rollmill.storage.spool import Spool
from rollmill.storage.workspace import Workspace

T = TypeVar("T")
Segment = tuple[SegmentKey, Sequence[Record]]
Drawn = tuple[Sequence[Completion], Commit]


@dataclass(slots=True)
class Arrivals:
    """Rows and tokens received for a batch that is not committed yet, durable or not; shown as progress."""

    rows: int = 0
    tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Count one."""
        self.rows += 1
        self.tokens += completion.tokens_out or 0


class BatchDrawer:
    """Draws and commits claimed batches for the run that pays, from any thread. `arrived`: counts by batch, until a commit.

    `heartbeat`: keeps their leases. `in_process`: held while an engine of this process draws that takes one call at a time.
    `engine_error`: what an engine raised, as no other failure may be taken for the model's.
    """

    def __init__(self, ws: Workspace, limiter: SpendLimiter, control: Control, in_process: threading.Lock) -> None:
        self._ws, self.limiter, self.control, self._in_process = ws, limiter, control, in_process
        self.heartbeat = LeaseHeartbeat(control)
        self.engine_error: Exception | None = None
        self.arrived: dict[str, Arrivals] = {}
        self._began: float | None = None
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        """Time from the first request to the last reply, without the starts of engines and verifiers."""
        return 0.0 if self._began is None else max(0.0, self._ended - self._began)

    def draw(self, claimed: ClaimedBatch, wind_down: Callable[[], None]) -> None:
        """Draw the missing completions that are not spooled, as far as the limit allows; `wind_down` is called once no more
        can be kept.

        Raises what the engine raised, StopSignal if the run stops.
        """
        self.control.check()
        engine = claimed.batch.engine
        requests = list(claimed.batch.requests(claimed.undrawn))
        parts = self.limiter.parts(claimed, requests, self.control.check)
        with self._timed():
            if engine.spooled and isinstance(engine, GroupedGenerator):
                for part in parts:
                    self._draw_groups(engine, claimed, part, wind_down)
                    _check_all_answered(engine, claimed, part)
                return
            # A reply from a server is money; one of an engine in this process is a few seconds of CPU, not worth an fsync.
            with self._spooling(claimed) if engine.spooled else self._alone(engine) as keep:
                for part in parts:
                    wanted, arrived = {request.completion_id: request for request in part}, self._arrived(claimed)
                    for completion in self._from_engine(engine.generate(part) or ()) if part else ():
                        _take(engine, claimed, wanted.pop(completion.id, None), completion, arrived)
                        keep(completion)
                        self.control.check()
                    _check_all_answered(engine, claimed, part)

    def commit(
        self, drawn: Sequence[ClaimedBatch], others: Sequence[Segment] = (), run: str | None = None
    ) -> tuple[list[Drawn], list[Commit]]:
        """Store and charge the received completions of these batches, with other segments, in one transaction; linked to
        `run`.
        """
        account = self.limiter.account
        priced = [priced_completions(account.prices, claimed.drawn) for claimed in drawn]
        segments: list[Segment] = [
            (completions_key(claimed.batch.engine, [completion.id for completion in completions]), completions)
            for claimed, completions in zip(drawn, priced, strict=True)
        ]
        segments += others
        also = paying(self._ws, account, list(zip(drawn, priced, strict=True)))
        commits = self._ws.segments.commit_many(segments, run=run, also=also) if segments else []
        for claimed in drawn:
            self.arrived.pop(claimed.batch.id, None)
            self.limiter.committed(claimed.batch)
            # Not before: until the segment is registered, the spool is the only place where these replies, paid for, exist.
            if not claimed.undrawn:
                self._ws.spool(claimed.batch.id).discard()
        return list(zip(priced, commits, strict=False)), commits[len(drawn) :]

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Context of the drawing: `seconds` reach to its end."""
        self._began = time.monotonic() if self._began is None else self._began
        try:
            yield
        finally:
            self._ended = time.monotonic()

    def _arrived(self, claimed: ClaimedBatch) -> Arrivals:
        return self.arrived.setdefault(claimed.batch.id, Arrivals())

    @contextmanager
    def _spooling(self, claimed: ClaimedBatch) -> Iterator[Callable[[Completion], None]]:
        """Gives what puts a reply into the batch's spool."""
        writer = SpoolWriter(self._ws.spool(claimed.batch.id))
        self.heartbeat.watch(writer)
        try:
            yield writer.add
        finally:
            self.heartbeat.unwatch(writer)
            writer.close()

    @contextmanager
    def _alone(self, engine: Generator) -> Iterator[Callable[[Completion], None]]:
        """An engine of this process, one call at a time unless it takes more; its replies are in memory."""
        with self._in_process if calls_of(engine) == 1 else nullcontext():
            yield lambda _: None

    def _draw_groups(
        self, engine: GroupedGenerator, claimed: ClaimedBatch, requests: Sequence[Request], wind_down: Callable[[], None]
    ) -> None:
        """Each group of replies in one write; the engine sends no further requests until the next group is read."""
        wanted = {request.completion_id: request for request in requests}
        spool = self._ws.spool(claimed.batch.id)
        log, arrived = AttemptLog(self._ws, self.limiter.account.run, claimed.batch.id), self._arrived(claimed)
        try:
            for group in self._from_engine(engine.groups(requests, log)):
                for completion in group:
                    _take(engine, claimed, wanted.pop(completion.id, None), completion, arrived)
                self._save(spool, group, wind_down)
                log.write()
                if self.control.stopping:
                    wind_down()  # what is paid for and still arrives is kept, whichever batch has failed
        finally:
            spool.close()
            log.write(now=True)

    def _save(self, spool: Spool, group: Sequence[Completion], wind_down: Callable[[], None]) -> None:
        """Write to the spool; if it refuses, no further request is sent, since its reply could not be kept."""
        try:
            spool.append(group)
        except BaseException as error:
            self.control.fail(error)  # first of all: winding down makes the other batches fail too, and that is no cause
            wind_down()
            raise

    def _from_engine(self, items: Iterable[T]) -> Iterator[T]:
        try:
            yield from items
        except Exception as error:
            self.engine_error = error
            raise


def _take(
    engine: object, claimed: ClaimedBatch, request: Request | None, completion: Completion, arrived: Arrivals
) -> None:
    """Add a reply to the batch's completions, if it answers one of the requests."""
    check_returned(engine, "groups" if isinstance(engine, GroupedGenerator) else "generate", [completion], Completion)
    _check_answers(request, completion)
    claimed.completions[completion.id] = completion
    arrived.add(completion)


def calls_of(engine: Generator) -> int:
    """Number of concurrent calls of `generate` that an in-process engine takes; 1 unless it declares more."""
    return engine.calls if isinstance(engine, ConcurrentGenerator) else 1


def _check_all_answered(engine: Generator, claimed: ClaimedBatch, requests: Sequence[Request]) -> None:
    missing = sum(request.completion_id not in claimed.completions for request in requests)
    if missing:
        raise contract_error(f"engine {engine.engine!r} left {missing} of {len(requests)} requests without a completion")


def _check_answers(request: Request | None, completion: Completion) -> None:
    """Check that a yielded completion answers its request, once; other completions are a bug of the engine, never rows."""
    if request is None:
        raise contract_error(f"the engine gave completion {completion.id}, which was not requested, or gave it twice")
    if (completion.sample_index, completion.stream) != (request.sample_index, request.stream):
        raise contract_error(f"completion {completion.id} carries another sample index or stream than its request")
    if completion.finish_reason == "error":
        raise contract_error(f"completion {completion.id} is an error; failed attempts are the engine's to retry, not rows")
