"""Base of verifiers that execute programs: a sandbox that starts with the first program, limits, and the verdict.

A subclass has `name`, `rules` and `judge`, or a `verify` of its own; it runs programs through `sandbox()`.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.sandbox import Mode, SandboxFailed, SandboxLimits, SandboxUser
from pipelines.verify.finding import Item, OneByOne, Rules, in_order, worker_count
from storage.ground.ids import digest128
from storage.ground.records import Completion, Outcome, Problem, Verdict

_LONGEST_CAUSE = 500  # characters


class SandboxVerifier(SandboxUser, OneByOne):
    """Usable from any thread. Close it, or use it in a `with`, to end the sandbox early."""

    def __init__(self, sandbox: Mode, limits: SandboxLimits, workers: int | None) -> None:
        self.use_sandbox(f"verifier {self.name!r}", sandbox, limits, worker_count(workers))
        self.version = _version(self.rules, sandbox, limits)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError if there is no sandbox."""
        try:
            return super().verify(problem, completion)
        except SandboxFailed as error:
            return self.verdict((problem, completion), "undecided", "sandbox", cause=f"crash: {error}")

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed, `workers` items under way."""
        return in_order(lambda item: self.verify(*item), items, self.workers)

    def verdict(self, item: Item, outcome: Outcome, rule: str, *, cause: str | None = None, **fields: Any) -> Verdict:
        """A verdict of this verifier; `seconds` are CPU seconds of the programs, 0 if none ran."""
        problem, completion = item
        cause = None if cause is None else cause[:_LONGEST_CAUSE]
        fields = {"seconds": 0.0, **fields}
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule, cause, **fields)


def _version(rules: Rules, mode: Mode, limits: SandboxLimits) -> str:
    """Version from everything that can change a verdict: our rules, the interpreter, the sandbox's mode and limits."""
    digest = digest128([list(rule) for rule in rules])[:8]
    python = f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    time = f"cpu-{limits.cpu_seconds:g}s+wall-{limits.wall_seconds:g}s"
    used = f"{time}+memory-{limits.memory_mib}MiB+output-{limits.output_kib}KiB"
    return f"1+rules-{digest}+{python}+{mode}+{used}"
