"""Drawing with the embedded model in several parallel processes, so that none waits for a shared interpreter.

A worker has no more than a window of requests, and gets the next group when rows come back. One that dies is started again
and its unfinished rows are drawn again, which gives the same texts. `make_completion` turns rows into completions.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from pathlib import Path

from rollmill.ground.errors import Unavailable
from rollmill.ground.records import Completion, Request, Sampling
from rollmill.pipelines.generate.calls import EngineCall
from rollmill.pipelines.generate.embedded.decode import DecodeGroup, DrawnSample
from rollmill.pipelines.processes.frames import Message
from rollmill.pipelines.processes.messages import MessageChild
from rollmill.pipelines.processes.spawn import ending, environment, module_command

WINDOW = 64  # requests: a tile, as much again that waits beside it, and what is on its way
DEATHS = 3  # of one worker in a row, without a row between them

FIELDS = attrgetter(*(entry.name for entry in fields(Sampling) if entry.name not in ("warp", "decode")))
"""Values of a sampling; the warps follow them, and texts of decoders are not drawn here."""

MakeCompletion = Callable[[Request, Sequence[int], DrawnSample], Completion]


@dataclass(slots=True)
class Work:
    """A group with its caller and the places of it that are not drawn yet."""

    call: EngineCall
    group: DecodeGroup
    left: set[int] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class DrawWorker:
    """A process, its requests by number, and how many more it may be given."""

    process: MessageChild
    room: int = WINDOW
    under_way: dict[int, Work] = field(default_factory=dict)


class DrawWorkers:
    """The workers of one model; usable from any thread."""

    def __init__(self, folder: Path, sizes: tuple[int, ...], count: int, make_completion: MakeCompletion) -> None:
        self._command = module_command(
            "rollmill.pipelines.generate.embedded.draw_child", str(folder), ",".join(map(str, sizes))
        )
        self._make_completion = make_completion
        self._lock = threading.RLock()  # the collector may close us in the middle of anything
        self._waiting: deque[Work] = deque()
        self._calls: set[EngineCall] = set()
        self._workers: list[DrawWorker] = []
        self._number = 0
        self._closing = False
        self.ready = False
        self.failure: Exception | None = None
        self._threads = [threading.Thread(target=self._live, name=f"embedded-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def submit(self, groups: Sequence[DecodeGroup]) -> EngineCall:
        """Take work; its completions arrive in the call."""
        call = EngineCall([request for group in groups for request in group.requests])
        # The groups hold this work; `waiting` is for engines that are handed single requests.
        call.waiting.clear()
        with self._lock:
            if self.failure is not None:
                call.error = self.failure
                call.end()
                return call
            self._calls.add(call)
            self._waiting.extend(Work(call, group, set(range(len(group.requests)))) for group in groups)
            self._deal()
        return call

    def collect(self, call: EngineCall) -> Iterator[Completion]:
        """A call's completions as they come; its failure is raised. Whoever leaves says so (`forget`)."""
        while arrived := call.take():
            yield from arrived
        if call.error is not None:
            raise call.error

    def forget(self, call: EngineCall) -> None:
        """Drop a call whose caller has left: requests that no worker has yet are not drawn."""
        with self._lock:
            self._calls.discard(call)
            self._waiting = deque(work for work in self._waiting if work.call is not call)

    def pids(self) -> list[int]:
        """The processes that run."""
        with self._lock:
            return [worker.process.pid for worker in self._workers]

    def close(self) -> None:
        """End every worker; running calls end with the received rows. Safe to call twice."""
        with self._lock:
            self._closing = True
            for call in self._calls:
                call.end()
            for worker in self._workers:
                worker.process.kill()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def _live(self) -> None:
        """A thread for one worker: start it, hear it, start it again."""
        deaths = 0
        try:
            while (worker := self._started()) is not None:
                rows, failed = self._listen(worker)
                deaths = 1 if rows else deaths + 1
                status = self._bury(worker)
                if failed is not None:
                    self._fail(RuntimeError(f"a worker of engine embedded failed: {failed}"))
                elif deaths >= DEATHS:
                    self._fail(
                        Unavailable(
                            f"a process of engine embedded died {DEATHS} times in a row, of {ending(status)}.",
                            next_command="the same command again, which asks only for what is missing; threads: 1 in the "
                            "profile needs none",
                        )
                    )
        except Exception as error:  # no process could be started, or it spoke in tongues: nobody else would hear of it
            self._fail(error)

    def _listen(self, worker: DrawWorker) -> tuple[bool, str | None]:
        """Read a worker's messages until its end; returns whether it drew anything, and its error message."""
        rows, failed = False, None
        while (message := worker.process.receive()) is not None:
            rows, failed = rows or "rows" in message, message.get("failed")
            self._hear(worker, message)
        return rows, failed

    def _started(self) -> DrawWorker | None:
        with self._lock:
            if self._closing or self.failure is not None:
                return None
            worker = DrawWorker(MessageChild(self._command, environment(OPENBLAS_NUM_THREADS="1")))
            self._workers.append(worker)
            self._deal()
            return worker

    def _hear(self, worker: DrawWorker, message: Message) -> None:
        arrived: dict[EngineCall, list[Completion]] = {}
        with self._lock:
            for number, place, *drawn in message.get("rows", ()):
                work = worker.under_way[number]
                work.left.discard(place)
                worker.room += 1
                if not work.left:
                    del worker.under_way[number]
                completion = self._make_completion(work.group.requests[place], work.group.ids, DrawnSample(*drawn))
                arrived.setdefault(work.call, []).append(completion)
            self._deal()
            self.ready = True
        for call, completions in arrived.items():
            call.put(*completions)

    def _bury(self, worker: DrawWorker) -> int:
        """A worker has ended: its unfinished work goes to the others, or waits for the next one. Its exit status."""
        with self._lock:  # nobody writes to it from here on
            self._workers.remove(worker)
            self._waiting.extendleft(reversed(worker.under_way.values()))
            self._deal()
        return worker.process.kill()

    def _fail(self, error: Exception) -> None:
        """Error with which every current and later call ends, unless the engine is closing."""
        with self._lock:
            if not self._closing:
                self.failure = self.failure or error
                for call in self._calls:
                    call.error = call.error or self.failure
                    call.end()

    def _deal(self) -> None:
        """Assign as many groups as there is room for, each to the worker with the most room; called under the lock."""
        while self._waiting and self._workers:
            worker = max(self._workers, key=lambda candidate: candidate.room)
            if worker.room < len(self._waiting[0].left):
                return
            work = self._waiting.popleft()
            self._number += 1
            worker.under_way[self._number] = work
            worker.room -= len(work.left)
            worker.process.send(_message(self._number, work))  # where it has died, its end tells


def _warps(request: Request) -> list[list[str]]:
    """The warps of a request, as the child makes records of them."""
    return [[warp.name, warp.version, warp.options, warp.folder] for warp in request.sampling.warp]


def _message(number: int, work: Work) -> Message:
    missing = [(place, work.group.requests[place]) for place in sorted(work.left)]
    return {
        "work": number,
        "ids": work.group.ids,
        "requests": [
            [place, str(request.seed), [*FIELDS(request.sampling), _warps(request)]] for place, request in missing
        ],
    }
