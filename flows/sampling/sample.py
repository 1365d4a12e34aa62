"""`sample(requests)` for requests to a model outside the rounds of a run: those of judges and scorers.

Completions are found where they are stored, by their ids; the rest is drawn by leased batches into spools, charged to the
run, held within its limit and stored before anybody uses it. So nothing is paid twice: not after a kill, not by a second
command, not in another run that asks the same.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from rollmill.flows.sampling.claim import claim
from rollmill.flows.sampling.control import Control, QueueLimits, StopSignal
from rollmill.flows.sampling.draw import BatchDrawer
from rollmill.flows.sampling.engine_models import engine_model
from rollmill.flows.sampling.spend_limiter import SpendLimiter
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.generate.direct import EngineSampler
from rollmill.pipelines.generate.http.refusals import FIRST, SharedRefusal
from rollmill.roles.engine_roles import DrainableGenerator, Generator, Interruptible, Sampler, Samples
from rollmill.storage.spending import JUDGE
from rollmill.storage.workspace import Workspace


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
        """Ids of all requested completions."""
        return list(self.asked)

    def requests(self, ids: Collection[str]) -> Iterator[Request]:
        """Requests of these completions."""
        wanted = frozenset(ids)
        return (request for cid, request in self.asked.items() if cid in wanted)


class RunSampler(EngineSampler):
    """Samples of one engine that a run pays for. Usable from several threads."""

    def __init__(self, ws: Workspace, engine: Generator, payer: Callable[[], SpendLimiter], purpose: str = JUDGE) -> None:
        super().__init__(engine)
        self._ws, self._payer, self._purpose = ws, payer, purpose
        self._limits = QueueLimits()
        self._in_process = threading.Lock()
        self._under_way: set[Control] = set()

    def sample(self, requests: Sequence[Request]) -> Samples:
        """Completions of these requests, stored ones again. SpendLimitReached if the run's limit ends it."""
        by_id = {request.completion_id: request for request in requests}
        completions = self._stored_completions(list(by_id))
        if len(completions) == len(by_id):
            return Samples(completions)
        batch = RequestBatch(digest128(["requests", sorted(by_id)]), self._engine_for(requests), by_id, self._purpose)
        with self._drawing(batch) as drawer:
            drawer.limiter.expect([(batch, lambda: [cid for cid in by_id if cid not in completions])])
            # Ends: each turn stores something, raises, or waits for a command that is alive and whose lease ends with it.
            while missing := [cid for cid in by_id if cid not in completions]:
                failure = self._draw(drawer, batch, missing)
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
    def _drawing(self, batch: RequestBatch) -> Iterator[BatchDrawer]:
        limiter, control = self._payer(), Control(self._limits)
        drawer = BatchDrawer(self._ws, limiter, control, self._in_process)
        self._under_way.add(control)
        interrupted = True
        with drawer.heartbeat.running():
            try:
                yield drawer
                interrupted = False
            except Exception as error:
                interrupted = isinstance(error, StopSignal)
                raise
            finally:
                self._under_way.discard(control)
                limiter.close([batch.id], interrupted=interrupted)

    def _draw(self, drawer: BatchDrawer, batch: RequestBatch, missing: Sequence[str]) -> str | None:
        """Draw and store what no other command draws, or wait a while; why there is not more where the engine failed."""
        claimed = claim(self._ws, drawer.heartbeat, batch, missing, partial(self._ws.segments.present, "completions"))
        if claimed is None or not claimed.missing:
            if claimed is not None:
                drawer.heartbeat.release(claimed.lease)
            drawer.control.pause(self._limits.poll_seconds)
            return None
        engine, failure = batch.engine, None
        try:
            drawer.draw(claimed, engine.wind_down if isinstance(engine, DrainableGenerator) else lambda: None)
        except SharedRefusal as shared:
            if shared.prompts >= FIRST:
                raise
            # Two long rollouts in one question of a judge are no fault of the settings; they are drawn again, and counted.
            shared.refusals.few = False
        # Not the model's failure: it goes up, while an engine's own errors become a reason beside what was drawn.
        except (SetupError, StopSignal):
            raise
        except Exception as error:
            drawer.control.check()  # what an engine raises because it was interrupted is no failure
            # A full disk or a bug of ours must not be told as an answer that the model could not give.
            if error is not drawer.engine_error:
                raise
            failure = f"{type(error).__name__}: {error}"
        finally:
            try:
                if claimed.drawn:  # not linked to the run, whose batches are those of its plan; the payment says who asked
                    drawer.commit([claimed])
            finally:
                drawer.heartbeat.release(claimed.lease)
        if drawer.limiter.reason is not None and claimed.undrawn:
            raise SpendLimitReached(drawer.limiter.reason, drawer.limiter.account.run)
        return failure


class RunSamplers:
    """The samplers of a run's verifiers and scorers; engines are built once and kept until `close`.

    `build`: an engine by its recipe name, model and options; a model may be a version. Whoever lets verifiers work says
    first who pays: `charge`.
    """

    def __init__(self, ws: Workspace, build: Callable[[str, str, Mapping[str, Any]], Generator]) -> None:
        self._ws, self._build = ws, build
        self._engines: dict[str, Generator] = {}
        self._samplers: dict[tuple[str, str], RunSampler] = {}
        self._lock = threading.Lock()
        self._payer: SpendLimiter | None = None

    def of(self, engine: str, model: str, options: Mapping[str, Any], purpose: str = JUDGE) -> Sampler:
        """The sampler of an engine, by its recipe name, with a model and options; the same one for the same words."""
        model = engine_model(self._ws.models, engine, model)
        key = canonical_json([engine, model, dict(options)])
        with self._lock:
            if key not in self._engines:
                self._engines[key] = self._build(engine, model, options)
            if (key, purpose) not in self._samplers:
                self._samplers[key, purpose] = RunSampler(self._ws, self._engines[key], self._paying, purpose)
            return self._samplers[key, purpose]

    def charge(self, limiter: SpendLimiter) -> None:
        """Let the run of this limiter pay from now on."""
        self._payer = limiter

    def _paying(self) -> SpendLimiter:
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
