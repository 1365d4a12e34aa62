"""What verifiers that execute code share: a sandbox that starts with the first program, and verdicts in input order.

Knows nothing of what is judged. A subclass has `name` and `verify`; it runs programs through `box()`.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pipelines.sandbox import MODES, Limits, Mode, Sandbox, check_sandbox
from storage.errors import SetupError
from storage.ids import digest128
from storage.records import Completion, Problem, Verdict

Rules = tuple[tuple[str, str], ...]
_WINDOW = 256
_PATIENCE = 12


class BoxedVerifier:
    """Usable from any thread. Close it, or use it in a `with`, to end the sandbox early."""

    name = ""
    rules: Rules = ()

    def __init__(self, sandbox: Mode, limits: Limits, workers: int | None) -> None:
        if sandbox not in MODES:
            raise SetupError(f"verifier {self.name!r}: sandbox is {sandbox!r}.", choices=MODES)
        for what in ("cpu_seconds", "memory_mib", "output_kib"):
            if not getattr(limits, what) > 0:
                raise SetupError(f"verifier {self.name!r}: {what} is {getattr(limits, what)}, and must be above 0.")
        self.mode, self.limits = sandbox, limits
        self.workers = workers or max(1, min(8, os.cpu_count() or 1))
        self.version = boxed_version(self.rules, sandbox, limits)
        self._sandbox: Sandbox | None = None
        self._lock = threading.Lock()

    def ready(self) -> None:
        """SetupError where this machine cannot run the sandbox that the recipe names."""
        check_sandbox(self.mode)

    def box(self) -> Sandbox:
        """The sandbox, started on first use; SetupError where there is none."""
        with self._lock:
            if self._sandbox is None:
                self.ready()
                self._sandbox = Sandbox(self.mode, limits=self.limits, workers=self.workers)
            return self._sandbox

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text."""
        raise NotImplementedError

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed; at most a window of items is held, `workers` of them under way."""
        waiting: deque[Future[Verdict]] = deque()
        executor = ThreadPoolExecutor(self.workers, thread_name_prefix=f"rollmill-{self.name}")
        try:
            for problem, completion in items:
                waiting.append(executor.submit(self.verify, problem, completion))
                while waiting and (waiting[0].done() or len(waiting) > _WINDOW):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the sandbox; safe to call twice."""
        with self._lock:
            box, self._sandbox = self._sandbox, None
        if box is not None:
            box.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def limits_of(cpu_seconds: float, memory_mib: int, output_kib: int = 1024) -> Limits:
    """The limits of one program. It may last twelve times its CPU seconds: to wait on a busy machine is no failure."""
    wall = _PATIENCE * cpu_seconds
    return Limits(cpu_seconds=cpu_seconds, wall_seconds=wall, memory_mib=memory_mib, output_kib=output_kib)


def boxed_version(rules: Rules, mode: Mode, limits: Limits) -> str:
    """Everything that can change a verdict: our rules, the interpreter, the sandbox's mode and limits."""
    digest = digest128([list(rule) for rule in rules])[:8]
    python = f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    time = f"cpu-{limits.cpu_seconds:g}s+wall-{limits.wall_seconds:g}s"
    used = f"{time}+memory-{limits.memory_mib}MiB+output-{limits.output_kib}KiB"
    return f"1+rules-{digest}+{python}+{mode}+{used}"
