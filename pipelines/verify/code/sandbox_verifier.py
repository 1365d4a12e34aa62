"""Base of verifiers that execute programs: a sandbox that starts with the first program, limits, and the verdict.

A subclass has `name`, `rules` and `judge`, which runs programs through `sandbox()`.
"""

import sys
from time import perf_counter

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.sandbox import Mode, SandboxFailed, SandboxLimits, SandboxUser, TestsBroken, limits_of
from rollmill.pipelines.verify.code.suite import BadTestsError
from rollmill.pipelines.verify.finding import Finding, OneByOne, Rules, verdict_of, worker_count

_LONGEST_CAUSE = 500  # characters


class SandboxVerifier(SandboxUser, OneByOne):
    """Usable from any thread. Close it, or use it in a `with`, to end the sandbox early."""

    def __init__(
        self, sandbox: Mode = "strict", *, cpu_seconds: float = 2.0, memory_mib: int = 256, workers: int | None = None
    ) -> None:
        """Take the options of a recipe.

        Args:
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
            cpu_seconds: CPU seconds that one program may use.
            memory_mib: Memory of one program, in MiB.
        """
        self.limit(sandbox, limits_of(cpu_seconds, memory_mib), workers)

    def limit(self, sandbox: Mode, limits: SandboxLimits, workers: int | None) -> None:
        """Set the limits of a program, which are part of the version."""
        self.use_sandbox(f"verifier {self.name!r}", sandbox, limits, worker_count(workers))
        self.version = _version(self.rules, sandbox, limits)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError if there is no sandbox."""
        started = perf_counter()
        try:
            finding = self.judge(problem, completion)
        except (BadTestsError, TestsBroken) as error:
            finding = Finding("undecided", "tests", f"tests: {error}"[:_LONGEST_CAUSE], seconds=0.0)
        except SandboxFailed as error:
            finding = Finding("undecided", "sandbox", f"crash: {error}"[:_LONGEST_CAUSE], seconds=0.0)
        seconds = perf_counter() - started if finding.seconds is None else finding.seconds
        return verdict_of(self, (problem, completion), finding, seconds)


def _version(rules: Rules, mode: Mode, limits: SandboxLimits) -> str:
    """Version from everything that can change a verdict: our rules, the interpreter, the sandbox's mode and limits."""
    digest = digest128([list(rule) for rule in rules])[:8]
    python = f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    time = f"cpu-{limits.cpu_seconds:g}s+wall-{limits.wall_seconds:g}s"
    used = f"{time}+memory-{limits.memory_mib}MiB+output-{limits.output_kib}KiB"
    return f"1+rules-{digest}+{python}+{mode}+{used}"
