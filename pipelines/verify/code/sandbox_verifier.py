"""What verifiers that execute programs share: a sandbox that starts with the first program, limits, and the verdict.

A subclass has `name`, `rules` and `verify`; it runs programs through `sandbox()`.
"""

import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.sandbox import MODES, Limits, Mode, Sandbox, check_sandbox
from pipelines.verify.finding import Item, OneByOne, Rules, in_order, worker_count
from storage.errors import SetupError
from storage.ids import digest128
from storage.records import Outcome, Verdict

_PATIENCE = 12  # seconds by the clock for each CPU second: on a busy machine a program waits its turn
_LONGEST_CAUSE = 500  # characters


class SandboxVerifier(OneByOne):
    """Usable from any thread. Close it, or use it in a `with`, to end the sandbox early."""

    def __init__(self, sandbox: Mode, limits: Limits, workers: int | None) -> None:
        if sandbox not in MODES:
            raise SetupError(f"verifier {self.name!r}: sandbox is {sandbox!r}.", choices=MODES)
        for what in ("cpu_seconds", "memory_mib", "output_kib"):
            if not getattr(limits, what) > 0:
                raise SetupError(f"verifier {self.name!r}: {what} is {getattr(limits, what)}, and must be above 0.")
        self.mode, self.limits = sandbox, limits
        self.workers = worker_count(workers)
        self.version = _version(self.rules, sandbox, limits)
        self._sandbox: Sandbox | None = None
        self._lock = threading.Lock()

    def ready(self) -> None:
        """SetupError where this machine cannot run the sandbox that the recipe names."""
        check_sandbox(self.mode)

    def sandbox(self) -> Sandbox:
        """The sandbox, started on first use; SetupError where there is none."""
        with self._lock:
            if self._sandbox is None:
                self.ready()
                self._sandbox = Sandbox(self.mode, limits=self.limits, workers=self.workers)
            return self._sandbox

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed, `workers` items under way."""
        return in_order(lambda item: self.verify(*item), items, self.workers)

    def verdict(self, item: Item, outcome: Outcome, rule: str, *, cause: str | None = None, **fields: Any) -> Verdict:
        """A verdict of this verifier; `seconds` are CPU seconds of the programs, 0 where none ran."""
        problem, completion = item
        cause = None if cause is None else cause[:_LONGEST_CAUSE]
        fields = {"seconds": 0.0, **fields}
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule, cause, **fields)

    def close(self) -> None:
        """End the sandbox; safe to call twice."""
        with self._lock:
            sandbox, self._sandbox = self._sandbox, None
        if sandbox is not None:
            sandbox.close()


def limits_of(cpu_seconds: float, memory_mib: int, output_kib: int = 1024) -> Limits:
    """The limits of one program. It may last twelve times its CPU seconds: to wait on a busy machine is no failure."""
    wall = _PATIENCE * cpu_seconds
    return Limits(cpu_seconds=cpu_seconds, wall_seconds=wall, memory_mib=memory_mib, output_kib=output_kib)


def _version(rules: Rules, mode: Mode, limits: Limits) -> str:
    """Everything that can change a verdict: our rules, the interpreter, the sandbox's mode and limits."""
    digest = digest128([list(rule) for rule in rules])[:8]
    python = f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    time = f"cpu-{limits.cpu_seconds:g}s+wall-{limits.wall_seconds:g}s"
    used = f"{time}+memory-{limits.memory_mib}MiB+output-{limits.output_kib}KiB"
    return f"1+rules-{digest}+{python}+{mode}+{used}"
