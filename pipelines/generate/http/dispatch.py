"""Dispatch of requests within one event loop: slots, retries, dead replicas, the end of a call.

What is sent and read is the client's. Every method runs in the loop's thread.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.generate.calls import CallJob, EngineCall, Interruption
from rollmill.pipelines.generate.http.failures import ErrorMessages, Failure
from rollmill.pipelines.generate.http.http_settings import HttpSettings
from rollmill.pipelines.generate.http.refusals import RefusedPrompts, Reply
from rollmill.pipelines.generate.http.replicas import FAILURES, Replica, choose

LOG = logging.getLogger("rollmill.http")
Ask = Callable[[Replica, Request], Awaitable[Completion]]
Probe = Callable[[Replica], Awaitable[None]]
PROBE_MOST = 30.0  # seconds between two probes of a replica that is down
FIRST_PATIENCE = 10.0  # seconds after which a server that never answered, and where nothing listens, is given up


@dataclass(slots=True)
class Flight:
    """An attempt under way."""

    replica: Replica
    job: CallJob
    arrived: bool = False


class Dispatcher:
    """Sends the jobs of every open call, at most `window` of them under way or not yet taken by their caller.

    The window is the sum of the replicas' concurrency: what a kill can cost.
    """

    def __init__(
        self, replicas: Sequence[Replica], settings: HttpSettings, messages: ErrorMessages, refusals: RefusedPrompts
    ) -> None:
        self._replicas, self._settings, self._messages, self._refusals = replicas, settings, messages, refusals
        self.window = sum(replica.server.concurrency for replica in replicas)
        self._unsaved = 0
        self._calls: list[EngineCall] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._flights: dict[asyncio.Task[None], Flight] = {}
        # Without a seed: waits decide no row, and commands started together must not retry together.
        self._rng = random.Random()
        self._loop = asyncio.get_running_loop()
        self._dark_since: float | None = self._loop.time()
        self._answered = False
        self.ask: Ask
        self.probe: Probe

    # What callers ask for.

    def add(self, call: EngineCall) -> None:
        """Begin a call."""
        self._calls.append(call)
        self._refusals.begin(call)
        if self._dark_since is not None:
            # Patience begins with the first open call, not with the engine, which may have been built long before.
            self._dark_since = self._dark_since if len(self._calls) > 1 else self._loop.time()
            self._loop.call_later(self._settings.patience, self._give_up)
            self._loop.call_later(FIRST_PATIENCE, self._give_up_early)
        for replica in self._replicas:
            if replica.state == "unknown" and not replica.probing:
                self._begin_probe(replica)
        self._pump()

    def saved(self, count: int) -> None:
        """A caller is done with so many replies: their places are free."""
        self._unsaved -= count
        self._pump()

    def forget(self, call: EngineCall, unsaved: int) -> None:
        """A caller left, taking its replies or not."""
        self._unsaved -= unsaved + len(call.take_rest())
        if call in self._calls:
            self._drop(call)
            self._cancel(call)
            self._calls.remove(call)
            self._refusals.forget(call)
            self._hand_on(*self._refusals.settled(self._calls))
        self._pump()

    def interrupt(self) -> None:
        """Give up everything that is under way."""
        for call in list(self._calls):
            call.error = call.error or Interruption("interrupted")
            self._drop(call)
            self._cancel(call)
            self._end(call)

    def wind_down(self) -> None:
        """Send nothing more; requests in flight may still be answered for a while."""
        self._end_all(Interruption("another batch has failed"))

    def fail(self, error: BaseException) -> None:
        """No server is left and none comes back: end every call, saying why."""
        self._end_all(error)

    async def close(self) -> None:
        """Interrupt, and wait until nothing runs."""
        self.interrupt()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Sending.

    def _pump(self) -> None:
        """Send while there is a place, a job and a replica for it."""
        while self._unsaved < self.window and (next_job := self._next()) is not None:
            replica, job = next_job
            replica.in_flight += 1
            self._unsaved += 1
            job.call.under_way += 1
            flight = Flight(replica, job)
            self._flights[self._start(self._attempt(flight))] = flight

    def _next(self) -> tuple[Replica, CallJob] | None:
        now = self._loop.time()
        while True:
            free = [replica for replica in self._replicas if replica.open(now)]
            for replica in free:
                if replica.queue:
                    return replica, replica.queue.popleft()
            if not free or not self._assign():
                return None

    def _assign(self) -> bool:
        """Give the jobs of the next prompt to its replica; False if there are none or no replica takes them."""
        call = next((call for call in self._calls if call.waiting), None)
        if call is None:
            return False
        replica = choose(call.waiting[0][0].request.prompt_id, self._replicas)
        if replica is None:
            return False
        replica.queue.extend(call.waiting.popleft())
        return True

    async def _attempt(self, flight: Flight) -> None:
        replica, job = flight.replica, flight.job
        began = self._loop.time()
        busy = replica.in_flight >= replica.limit.value
        job.tried += 1
        try:
            completion = await self.ask(replica, job.request)
        except Failure as failure:
            self._failed(replica, job, failure, self._loop.time() - began)
        except Exception as error:  # a bug of ours: told, not hidden
            self._stop(job.call, error)
        else:
            replica.failures = 0
            replica.limit.replied(self._loop.time(), busy=busy)
            job.call.tried(replica.name, "ok", self._loop.time() - began, job.request.completion_id)
            self._unsaved -= 1
            self._hand_on(*self._refusals.take((job, completion), self._calls))
            flight.arrived = True

    def _hand_on(self, replies: Sequence[Reply], error: SetupError | None) -> None:
        """Give replies to their callers, whose places they take; those that are held back take none."""
        self._unsaved += len(replies)
        for job, completion in replies:
            job.call.put(completion)
        if error is not None:
            self._end_all(error)

    # Failures.

    def _failed(self, replica: Replica, job: CallJob, failure: Failure, seconds: float) -> None:
        job.call.tried(replica.name, failure.kind, seconds, job.request.completion_id)
        now = self._loop.time()
        LOG.debug("attempt %d at %s failed after %.2f s: %s", job.tried, replica.name, seconds, failure.kind)
        replica.failures += 1
        replica.why = str(failure)
        if failure.congested:
            replica.limit.refused(now - seconds, now)
        too_long = failure.after is not None and failure.after > self._settings.longest_wait
        if not failure.again or too_long or job.tried >= self._settings.attempts:
            self._stop(job.call, self._messages.about(replica, failure, job.tried, job.request.prompt))
            return
        if failure.after:
            replica.paused_until = max(replica.paused_until, now + failure.after)
            # asyncio may run a timer early by its clock's resolution, when the replica would still be paused.
            self._loop.call_later(failure.after + 0.001, self._pump)
        # A server that refuses for load is alive: its limit falls, and it stays in use.
        if failure.down or (replica.failures >= FAILURES and not (failure.congested and failure.status)):
            self._take_out(replica)
        if job.call.error is None:
            # Again at once where another replica is up and this one is gone, else after a pause.
            elsewhere = failure.down and any(other.state == "up" for other in self._replicas)
            base, most = self._settings.backoff_seconds, self._settings.backoff_most
            wait = pause(job.tried, failure.after, self._rng, base=base, most=most)
            self._loop.call_later(0.0 if elsewhere else wait, self._again, job)

    def _again(self, job: CallJob) -> None:
        if job.call.error is None and job.call in self._calls:
            job.call.waiting.appendleft(deque([job]))
            self._pump()

    def _stop(self, call: EngineCall, error: BaseException) -> None:
        """Send no more of this call; requests in flight may still be answered for a while."""
        if call.error is None:
            call.error = error
            self._drop(call)
            self._loop.call_later(self._settings.drain, self._cut, call)

    def _cut(self, call: EngineCall) -> None:
        if call in self._calls:
            self._cancel(call)
            self._end(call)

    def _cancel(self, call: EngineCall) -> None:
        for task, flight in self._flights.items():
            if flight.job.call is call:
                task.cancel()

    def _drop(self, call: EngineCall) -> None:
        """Forget its jobs that are not under way."""
        call.waiting.clear()
        for replica in self._replicas:
            replica.queue = deque(job for job in replica.queue if job.call is not call)

    def _finish(self, call: EngineCall) -> None:
        if call.left == 0 or (call.error is not None and call.under_way == 0):
            self._end(call)

    def _end(self, call: EngineCall) -> None:
        if call in self._calls:
            self._calls.remove(call)
        self._refusals.forget(call)
        call.end()

    # Replicas that die and return.

    def _take_out(self, replica: Replica) -> None:
        """Use it no more until a probe is answered; what waited for it goes elsewhere."""
        if replica.state != "up":
            return
        LOG.warning("%s is down: %s", replica.name, replica.why)
        replica.state = "down"
        groups: dict[tuple[int, str], deque[CallJob]] = {}
        for job in replica.queue:
            groups.setdefault((id(job.call), job.request.prompt_id), deque()).append(job)
        replica.queue = deque()
        for group in reversed(groups.values()):
            group[0].call.waiting.appendleft(group)
        if not any(other.state == "up" for other in self._replicas):
            self._dark_since = self._loop.time()
            self._loop.call_later(self._settings.patience, self._give_up)
        self._begin_probe(replica)

    def _begin_probe(self, replica: Replica) -> None:
        replica.probing = True
        self._start(self._probe(replica))

    async def _probe(self, replica: Replica) -> None:
        """Ask until it answers, ever more seldom; a wrong key or model ends every call."""
        tried = 0
        try:
            while self._calls and replica.state != "up":
                if tried or replica.state == "down":
                    base, most = self._settings.backoff_seconds, min(PROBE_MOST, self._settings.backoff_most)
                    await asyncio.sleep(pause(tried + 1, None, self._rng, base=base, most=most))
                tried += 1
                await self._probe_once(replica)
        finally:
            replica.probing = False
            if replica.state != "up":
                replica.state = "unknown"  # the next call looks again

    async def _probe_once(self, replica: Replica) -> None:
        try:
            await self.probe(replica)
        except Failure as failure:
            replica.why, replica.absent = str(failure), failure.down
            if not failure.again:
                self._end_all(self._messages.about(replica, failure, 1))
            return
        replica.state, replica.failures, self._dark_since = "up", 0, None
        replica.absent, self._answered = False, True
        self._pump()

    def _give_up(self) -> None:
        """No server has answered for as long as one may wait."""
        dark, patience = self._dark_since, self._settings.patience
        if dark is not None and self._calls and self._loop.time() - dark >= patience - 0.01:
            self._end_all(self._messages.dark(self._replicas, patience))

    def _give_up_early(self) -> None:
        """Nothing listens at any address, and nothing ever did: a wrong address or a forgotten server is reported
        immediately.

        Not of servers that were started for us: one that died may be starting again.
        """
        ours = self._settings.local is not None and bool(self._settings.local.names)
        if self._calls and not ours and not self._answered and all(replica.absent for replica in self._replicas):
            self._end_all(self._messages.dark(self._replicas, min(FIRST_PATIENCE, self._settings.patience)))

    def _end_all(self, error: BaseException) -> None:
        for call in list(self._calls):
            self._stop(call, error)
            self._finish(call)

    def _start(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        flight = self._flights.pop(task, None)
        if flight is None:
            return  # a probe
        flight.replica.in_flight -= 1
        flight.job.call.under_way -= 1
        self._unsaved -= 0 if flight.arrived else 1  # the place of a reply stays taken until its caller has it
        self._finish(flight.job.call)
        self._pump()


def pause(tried: int, retry_after: float | None, rng: random.Random, *, base: float, most: float) -> float:
    """Seconds: uniform in [0, base 2^(tried-1)], at most `most`; on top of the seconds of a Retry-After header."""
    jitter = rng.uniform(0.0, min(most, base * 2.0 ** min(tried - 1, 60)))
    # A server that always asks for next to nothing is not asked again and again at once.
    if retry_after is None or retry_after < base:
        return max(jitter, retry_after or 0.0)
    return retry_after + min(jitter, base)
