"""`sample(requests)` for whatever asks a model besides the rounds of a run: judges and scorers today.

Completions are found where they are stored, by their ids; the rest is drawn by leased batches into spools, charged to the
run, held within its limit and stored before anybody uses it. So nothing is paid twice: not after a kill, not by a second
command, not in another run that asks the same.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flows.sampling.charges import Account, drawn_segment, paying
from flows.sampling.control import Control, Limits, StopSignal
from flows.sampling.draw import BatchDrawer
from flows.sampling.heartbeat import LeaseHeartbeat
from flows.sampling.spend_limiter import SpendLimiter
from pipelines.generate.direct import EngineSampler
from pipelines.protocols import Generator, Interruptible, Sampler, Samples, WindsDown
from storage.errors import FoundWanting, SetupError
from storage.ids import canonical_json, digest128
from storage.ledger.leases import Lease
from storage.records import Completion, Request
from storage.spending import JUDGE
from storage.workspace import Workspace


class SpendLimitReached(FoundWanting):
    """Drawing ended at a limit of the run; everything drawn is kept. `reason`: `token limit` or `cost limit`."""

    def __init__(self, reason: str, run: str) -> None:
        self.reason = reason
        super().__init__(
            f"the {reason} of run {run} leaves no room for another completion.", next_command="the same with a higher limit"
        )


@dataclass(frozen=True, slots=True)
class RequestBatch:
    """Requests that are sampled together for a purpose of a run."""

    id: str
    engine: Generator
    asked: Mapping[str, Request]
    purpose: str = JUDGE
    round: int = 0
    number: int = 0

    @property
    def completion_ids(self) -> Sequence[str]:
        """Those of all requests."""
        return list(self.asked)

    def requests(self, ids: Collection[str]) -> Iterator[Request]:
        """Those for these completions."""
        wanted = frozenset(ids)
        return (request for cid, request in self.asked.items() if cid in wanted)


@dataclass(slots=True)
class OpenRequests:
    """A leased batch of requests under way."""

    batch: RequestBatch
    lease: Lease
    missing: Sequence[str]
    completions: dict[str, Completion] = field(default_factory=dict)


class RunSampler(EngineSampler):
    """Samples of one engine that a run pays for. Usable from several threads."""

    def __init__(
        self, ws: Workspace, engine: Generator, payer: Callable[[], tuple[Account, SpendLimiter]], purpose: str = JUDGE
    ) -> None:
        super().__init__(engine)
        self._ws, self._payer, self._purpose = ws, payer, purpose
        self._limits = Limits()
        self._in_process = threading.Lock()
        self._under_way: set[Control] = set()

    def sample(self, requests: Sequence[Request]) -> Samples:
        """Completions of these requests, stored ones again. SpendLimitReached where the run's limit ends it."""
        by_id = {request.completion_id: request for request in requests}
        completions = self._stored_completions(list(by_id))
        if len(completions) == len(by_id):
            return Samples(completions)
        batch = RequestBatch(digest128(["requests", sorted(by_id)]), self._engine_for(requests), by_id, self._purpose)
        with self._drawing(batch) as drawing:
            drawing.limiter.expect([(batch, lambda: [cid for cid in by_id if cid not in completions])])
            # Ends: each turn stores something, raises, or waits for a command that is alive and whose lease ends with it.
            while missing := [cid for cid in by_id if cid not in completions]:
                open_batch = self._open(batch, missing)
                failure: str | None = None
                if open_batch is None:
                    drawing.pause()
                else:
                    failure = drawing.run(open_batch)
                completions |= self._stored_completions(missing)
                if failure is not None:
                    return Samples(completions, failure)
        return Samples(completions)

    def interrupt(self) -> None:
        """Make calls under way raise StopSignal or what the engine raises then, from any thread."""
        for control in list(self._under_way):
            control.stop()
        if isinstance(self._generator, Interruptible):
            self._generator.interrupt()

    def _stored_completions(self, ids: Sequence[str]) -> dict[str, Completion]:
        return {completion.id: completion for completion in self._ws.segments.fetch("completions", ids)}

    @contextmanager
    def _drawing(self, batch: RequestBatch) -> "Iterator[_Drawing]":
        account, limiter = self._payer()
        control = Control(self._limits)
        drawing = _Drawing(self._ws, account, limiter, control, self._in_process)
        beating = control.thread("heartbeat", drawing.heartbeat.run)
        self._under_way.add(control)
        interrupted = True
        try:
            yield drawing
            interrupted = False
        except Exception as error:
            interrupted = isinstance(error, StopSignal)
            raise
        finally:
            self._under_way.discard(control)
            drawing.heartbeat.finish()
            beating.join()
            limiter.close([batch.id], interrupted=interrupted)

    def _open(self, batch: RequestBatch, missing: Sequence[str]) -> OpenRequests | None:
        """The batch leased, with the claim on what no other command draws, and with what a killed one left in its spool.

        None while another command draws all of it.
        """
        lease = self._ws.ledger.leases.acquire(f"batch/{batch.id}", self._limits.lease_seconds, missing)
        if lease is None:
            return None
        # Asked after the claim: what is neither stored then nor claimed by others, is ours.
        stored = self._ws.segments.present("completions", missing)
        spooled = {completion.id: completion for completion in self._ws.spool(batch.id).read()}
        mine = [cid for cid in missing if cid not in stored and (cid in lease.claimed or cid in spooled)]
        if not mine:
            lease.release()
            return None
        return OpenRequests(batch, lease, mine, {cid: spooled[cid] for cid in mine if cid in spooled})


class _Drawing:
    """One call of `sample` while it draws."""

    def __init__(
        self, ws: Workspace, account: Account, limiter: SpendLimiter, control: Control, in_process: threading.Lock
    ) -> None:
        self._ws, self._account, self.limiter, self._control = ws, account, limiter, control
        self.heartbeat = LeaseHeartbeat(control.limits.lease_seconds)
        self._drawer = BatchDrawer(ws, account.run, limiter, self.heartbeat, control, in_process)

    def pause(self) -> None:
        """Wait for what another command draws."""
        self._control.pause(self._control.limits.poll_seconds)

    def run(self, open_batch: OpenRequests) -> str | None:
        """Draw and store what is missing; why there is not more where the engine failed."""
        self.heartbeat.hold(open_batch.lease)
        engine = open_batch.batch.engine
        failure: str | None = None
        try:
            self._drawer.draw(open_batch, engine.wind_down if isinstance(engine, WindsDown) else lambda: None)
        # Not the model's failure: it goes up, while an engine's own errors become a reason beside what was drawn.
        except (SetupError, StopSignal):
            raise
        except Exception as error:
            self._control.check()  # what an engine raises because it was interrupted is no failure
            # A full disk or a bug of ours must not be told as an answer that the model could not give.
            if error is not self._drawer.engine_error:
                raise
            failure = f"{type(error).__name__}: {error}"
        finally:
            try:
                self._commit(open_batch)
            finally:
                self.heartbeat.release(open_batch.lease)
        if self.limiter.reason is not None and len(open_batch.completions) < len(open_batch.missing):
            raise SpendLimitReached(self.limiter.reason, self._account.run)
        return failure

    def _commit(self, open_batch: OpenRequests) -> None:
        """Store and charge what was drawn; the spool goes when all of it is stored."""
        key, completions = drawn_segment(self._account.prices, open_batch)
        if completions:
            # Not linked to the run, whose completion batches are those of its plan; the payment says who asked.
            self._ws.segments.commit_many(
                [(key, completions)], also=paying(self._ws, self._account, [(open_batch, completions)])
            )
            self.limiter.committed(open_batch.batch)
            if len(completions) == len(open_batch.missing):
                self._ws.spool(open_batch.batch.id).discard()


class Samplers:
    """The samplers of a run's verifiers and scorers; engines are built once and kept until `close`.

    `build`: an engine by its recipe name, model and options. Whoever lets verifiers work says first who pays: `charge`.
    """

    def __init__(self, ws: Workspace, build: Callable[[str, str, Mapping[str, Any]], Generator]) -> None:
        self._ws, self._build = ws, build
        self._engines: dict[str, Generator] = {}
        self._samplers: dict[tuple[str, str], RunSampler] = {}
        self._lock = threading.Lock()
        self._payer: tuple[Account, SpendLimiter] | None = None

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = JUDGE) -> Sampler:
        """The sampler of an engine, by its recipe name, with a model and options; the same one for the same words."""
        key = canonical_json([engine, model, dict(options)])
        with self._lock:
            if key not in self._engines:
                self._engines[key] = self._build(engine, model, options)
            if (key, purpose) not in self._samplers:
                self._samplers[key, purpose] = RunSampler(self._ws, self._engines[key], self._paying, purpose)
            return self._samplers[key, purpose]

    def charge(self, account: Account, limiter: SpendLimiter) -> None:
        """From now on this run pays."""
        self._payer = account, limiter

    def _paying(self) -> tuple[Account, SpendLimiter]:
        if self._payer is None:
            raise RuntimeError("nobody pays for these samples: call Samplers.charge first")
        return self._payer

    def close(self) -> None:
        """Release the engines; safe to call twice."""
        with self._lock:
            # Taken out under the lock and closed after it: closing an engine may take seconds.
            engines, self._engines = list(self._engines.values()), {}
            self._samplers.clear()
        for engine in engines:
            engine.close()
