"""Runs programs and reports on them: a pool of warm keepers that any thread may use.

A box that breaks is replaced and its program is run once more with no other program running; if that fails too it is our
failure (SandboxFailed), never the program's.
"""

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from pipelines.sandbox.box import Box, BoxBroken
from pipelines.sandbox.checks import check_limits, check_mode
from pipelines.sandbox.programs import Calls, Limits, Mode, Program, Report, SandboxFailed, Script
from pipelines.sandbox.reports import report

_AHEAD = 4


class Sandbox:
    """Runs programs in `workers` boxes of one mode under one set of limits."""

    def __init__(self, mode: Mode = "strict", limits: Limits | None = None, workers: int = 1) -> None:
        self.mode = check_mode(mode)
        self.limits = check_limits(limits or Limits())
        self.workers = max(1, workers)
        self._places: queue.LifoQueue[Box | None] = queue.LifoQueue()
        for _ in range(self.workers):
            self._places.put(None)
        self._alone = threading.Lock()
        self._closed = False

    def run(self, program: Program) -> Report:
        """The report on one program. SandboxFailed when our side failed twice."""
        job = _job(program)
        try:
            answer = self._once(job)
        except BoxBroken:
            answer = self._again(job)
        return report(program, self.limits, answer)

    def run_many(self, programs: Iterable[Program]) -> Iterator[Report]:
        """Reports in input order; at most a few programs per box are taken ahead. A SandboxFailed ends the iteration."""
        with ThreadPoolExecutor(self.workers, thread_name_prefix="sandbox") as pool:
            waiting: deque[Future[Report]] = deque()
            try:
                for program in programs:
                    waiting.append(pool.submit(self.run, program))
                    if len(waiting) >= self.workers * _AHEAD:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    def close(self) -> None:
        """End every box once its program has ended; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for _ in range(self.workers):
            box = self._places.get()
            if box is not None:
                box.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _once(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """Run in the next free box; a broken one leaves its place empty."""
        if self._closed:
            raise RuntimeError("the sandbox is closed")
        box = self._places.get()
        try:
            box = box or Box(self.mode, self.limits)
            return box.run(job)
        except BaseException:
            if box is not None:
                box.close()
            box = None
            raise
        finally:
            self._places.put(box)

    def _again(self, job: tuple[Any, ...]) -> tuple[Any, ...]:
        """Once more, alone: every other box is idle meanwhile."""
        with self._alone:
            other_boxes = [self._places.get() for _ in range(self.workers - 1)]
            try:
                return self._once(job)
            except BoxBroken as error:
                raise SandboxFailed(f"the box failed twice: {error}") from error
            finally:
                for box in other_boxes:
                    self._places.put(box)


def _job(program: Program) -> tuple[Any, ...]:
    """A program as what the keeper takes: plain data only."""
    if isinstance(program, Script):
        return "script", program.source, program.stdin
    if isinstance(program, Calls):
        return "calls", program.source, [(call.function, call.args, call.kwargs) for call in program.calls]
    return "tested", program.source, (program.tests, program.entry_point)
