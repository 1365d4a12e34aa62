"""Hands requests to the children and their answers to the callers. Knows neither processes' lives nor completions' fields.

A child has no more than its window of requests: what it computes, as much again so that it never waits, and what has come
and is not yet safe with the caller. So a kill -9 costs no more than that, and memory is bounded. All samples of a prompt go
to one child, whose prefix cache then serves.
"""

import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field

from pipelines.generate.calls import Call, Interruption
from pipelines.generate.vllm.child import VllmChild
from pipelines.processes.frames import Message
from storage.records import Completion, Request, Sampling

QueuedRequest = tuple[Call, Request]
MakeCompletion = Callable[[Request, Message], Completion]


@dataclass(eq=False, slots=True)
class Route:
    """One child, what waits for it, and how many requests it may still be given."""

    child: VllmChild
    room: int
    waiting: deque[QueuedRequest] = field(default_factory=deque)


class RequestRouter:
    """Between the callers' threads and the children's; `make_completion` takes a request and its answer."""

    def __init__(self, children: Sequence[VllmChild], windows: Iterable[int], make_completion: MakeCompletion) -> None:
        self._routes = [Route(child, window) for child, window in zip(children, windows, strict=True)]
        self._make_completion = make_completion
        self._lock = threading.Lock()
        self._calls: set[Call] = set()
        self._under_way: dict[str, tuple[Route, Call, Request]] = {}
        self._number = 0

    def add(self, call: Call) -> None:
        """Take a call's requests, prompt by prompt."""
        with self._lock:
            self._calls.add(call)
            for jobs in call.waiting:
                route = self._route(jobs[0].request.prompt_id)
                route.waiting.extend((call, job.request) for job in jobs)
            call.waiting.clear()
            self._pump()

    def saved(self, group: Sequence[Completion]) -> None:
        """These are safe: there is room for as many more."""
        with self._lock:
            for completion in group:
                self._route(completion.prompt_id).room += 1
            self._pump()

    def answers(self, message: Message) -> None:
        """A child's answers."""
        with self._lock:
            for answer in message.get("answers", ()):
                _, call, request = self._under_way.pop(answer["key"], (None, None, None))
                if call is not None and request is not None:
                    call.under_way -= 1
                    call.put(self._make_completion(request, answer))
                    self._end_if_idle(call)

    def forget(self, call: Call, unsaved: Sequence[Completion]) -> None:
        """The caller leaves: what it still waits for is given up."""
        rest = [*unsaved, *call.take_rest()]
        with self._lock:
            self._calls.discard(call)
            self._drop_waiting(call)
            keys = [key for key, (_, owner, _) in self._under_way.items() if owner is call]
            for route in self._routes:
                gone = [key for key in keys if self._under_way[key][0] is route]
                route.room += len(gone)
                if gone:
                    route.child.send({"kind": "abort", "keys": gone})
            for key in keys:
                del self._under_way[key]
        self.saved(rest)

    def fail(self, error: BaseException) -> None:
        """End every call with this; what has come is taken first."""
        with self._lock:
            for call in self._calls:
                call.error = call.error or error
                call.end()

    def interrupt(self) -> None:
        """End every call at once."""
        self.fail(Interruption())

    def wind_down(self) -> None:
        """Send nothing more for today's calls; each ends when what is under way has come."""
        with self._lock:
            for call in self._calls:
                self._drop_waiting(call)
                call.error = call.error or Interruption()
                self._end_if_idle(call)

    def _end_if_idle(self, call: Call) -> None:
        if call.error is not None and call.under_way == 0:
            call.end()

    def _drop_waiting(self, call: Call) -> None:
        for route in self._routes:
            route.waiting = deque(item for item in route.waiting if item[0] is not call)

    def _route(self, prompt_id: str) -> Route:
        return self._routes[zlib.crc32(prompt_id.encode()) % len(self._routes)]

    def _pump(self) -> None:
        """Give every child what it has room for."""
        for route in self._routes:
            messages: dict[Sampling, list[list[str | int]]] = {}
            while route.room > 0 and route.waiting:
                call, request = route.waiting.popleft()
                self._number += 1
                key = str(self._number)
                self._under_way[key] = route, call, request
                call.under_way += 1
                route.room -= 1
                messages.setdefault(request.sampling, []).append([key, request.rendered, request.seed])
            for sampling, requests in messages.items():
                route.child.send({"kind": "draw", "sampling": asdict(sampling), "requests": requests})
