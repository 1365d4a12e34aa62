"""Draws what an open batch misses from its engine, each reply durable before more is asked for.

Replies of a spooled engine are durable before the batch is committed; those of an in-process engine live in memory until
then. A failure half-way leaves what was drawn before it among the batch's completions.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar

from flows.sampling.batches import OpenBatch
from flows.sampling.control import Control
from flows.sampling.heartbeat import LeaseHeartbeat
from flows.sampling.replies import AttemptLog, SpoolWriter
from flows.sampling.spend_limiter import SpendLimiter
from pipelines.protocols import ConcurrentGenerator, Generator, GroupedGenerator
from pipelines.returned import check_returned
from storage.errors import broken
from storage.records import Completion, Request
from storage.spool import Spool
from storage.workspace import Workspace

T = TypeVar("T")


@dataclass(slots=True)
class Arrivals:
    """What has come of a batch that is not committed yet: news for who watches, durable or not."""

    rows: int = 0
    tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Count one."""
        self.rows += 1
        self.tokens += completion.tokens_out or 0


class BatchDrawer:
    """Draws batches of one run, from any thread. `arrived`: counts by batch id, until whoever commits takes them away.

    `in_process`: held while an engine of this process draws that takes one call at a time. `engine_error`: what an engine
    raised, as no other failure may be taken for the model's.
    """

    def __init__(
        self,
        ws: Workspace,
        run: str,
        limiter: SpendLimiter,
        heartbeat: LeaseHeartbeat,
        control: Control,
        in_process: threading.Lock,
    ) -> None:
        self._ws, self._run, self._limiter, self._heartbeat, self._control = ws, run, limiter, heartbeat, control
        self._in_process = in_process
        self.engine_error: Exception | None = None
        self.arrived: dict[str, Arrivals] = {}
        self._began: float | None = None
        self._ended = 0.0

    @property
    def seconds(self) -> float:
        """From the first request to the last reply, without what stands around drawing: starts of engines and verifiers."""
        return 0.0 if self._began is None else max(0.0, self._ended - self._began)

    def draw(self, open_batch: OpenBatch, wind_down: Callable[[], None]) -> None:
        """Draw what is missing and not at hand, as far as the limit allows; `wind_down` is called once no more can be kept.

        Raises what the engine raised, StopSignal where the run stops.
        """
        self._control.check()
        engine = open_batch.batch.engine
        requests = list(open_batch.batch.requests([cid for cid in open_batch.missing if cid not in open_batch.completions]))
        parts = self._limiter.parts(open_batch, requests, self._control.check)
        with self._timed():
            if engine.spooled and isinstance(engine, GroupedGenerator):
                for part in parts:
                    self._draw_groups(engine, open_batch, part, wind_down)
                    _check_all_answered(engine, open_batch, part)
                return
            # A reply from a server is money; one of an engine in this process is a few seconds of CPU, not worth an fsync.
            with self._spooling(open_batch) if engine.spooled else self._alone(engine) as keep:
                for part in parts:
                    wanted, arrived = {request.completion_id: request for request in part}, self._arrived(open_batch)
                    for completion in self._from_engine(engine.generate(part) or ()) if part else ():
                        _take(engine, open_batch, wanted.pop(completion.id, None), completion, arrived)
                        keep(completion)
                        self._control.check()
                    _check_all_answered(engine, open_batch, part)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        """Around what is drawn: `seconds` reach to its end."""
        self._began = time.monotonic() if self._began is None else self._began
        try:
            yield
        finally:
            self._ended = time.monotonic()

    def _arrived(self, open_batch: OpenBatch) -> Arrivals:
        return self.arrived.setdefault(open_batch.batch.id, Arrivals())

    @contextmanager
    def _spooling(self, open_batch: OpenBatch) -> Iterator[Callable[[Completion], None]]:
        """Gives what puts a reply into the batch's spool."""
        writer = SpoolWriter(self._ws.spool(open_batch.batch.id))
        self._heartbeat.watch(writer)
        try:
            yield writer.add
        finally:
            self._heartbeat.unwatch(writer)
            writer.close()

    @contextmanager
    def _alone(self, engine: Generator) -> Iterator[Callable[[Completion], None]]:
        """An engine of this process, one call at a time unless it takes more; what it gives lives in memory."""
        with self._in_process if calls_of(engine) == 1 else nullcontext():
            yield lambda _: None

    def _draw_groups(
        self, engine: GroupedGenerator, open_batch: OpenBatch, requests: Sequence[Request], wind_down: Callable[[], None]
    ) -> None:
        """Each group of replies in one write; the engine sends no more than it may lose until it is asked for the next."""
        wanted = {request.completion_id: request for request in requests}
        spool = self._ws.spool(open_batch.batch.id)
        log, arrived = AttemptLog(self._ws, self._run, open_batch.batch.id), self._arrived(open_batch)
        try:
            for group in self._from_engine(engine.groups(requests, log)):
                for completion in group:
                    _take(engine, open_batch, wanted.pop(completion.id, None), completion, arrived)
                self._save(spool, group, wind_down)
                log.write()
                if self._control.stopping:
                    wind_down()  # what is paid for and still arrives is kept, whichever batch has failed
        finally:
            spool.close()
            log.write(now=True)

    def _save(self, spool: Spool, group: Sequence[Completion], wind_down: Callable[[], None]) -> None:
        """Into the spool; where it takes no more, nothing more is asked for that could not be kept either."""
        try:
            spool.append(group)
        except BaseException as error:
            self._control.fail(error)  # first of all: winding down makes the other batches fail too, and that is no cause
            wind_down()
            raise

    def _from_engine(self, items: Iterable[T]) -> Iterator[T]:
        try:
            yield from items
        except Exception as error:
            self.engine_error = error
            raise


def _take(
    engine: object, open_batch: OpenBatch, request: Request | None, completion: Completion, arrived: Arrivals
) -> None:
    """Add a reply to the batch's completions, if it answers what was asked."""
    check_returned(engine, "groups" if isinstance(engine, GroupedGenerator) else "generate", [completion], Completion)
    _check_answers(request, completion)
    open_batch.completions[completion.id] = completion
    arrived.add(completion)


def calls_of(engine: Generator) -> int:
    """How many calls of `generate` an engine in this process takes at once; one that does not say so takes one."""
    return engine.calls if isinstance(engine, ConcurrentGenerator) else 1


def _check_all_answered(engine: Generator, open_batch: OpenBatch, requests: Sequence[Request]) -> None:
    missing = sum(request.completion_id not in open_batch.completions for request in requests)
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
