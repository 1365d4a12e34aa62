"""Scorer `efficiency`: how fast a right program is, against the reference of its problem (rollmill/stats, ENAMEL).

Each test is run several times in the sandbox, one program at a time, and its time is the Hodges-Lehmann estimate of the CPU
seconds, less those of loading the program. A text without a program, a wrong program and one that reaches a limit score 0.
A problem has no scores if its reference is no program that passes, or too quick to be timed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Score
from rollmill.pipelines.sandbox import (
    AssertTests,
    Call,
    Calls,
    Mode,
    Sandbox,
    SandboxFailed,
    SandboxLimits,
    Script,
    TestsBroken,
    check_sandbox,
    limits_of,
)
from rollmill.pipelines.verify.code.code_verifier import code_text
from rollmill.pipelines.verify.code.execution import all_passed, run_suite
from rollmill.pipelines.verify.code.program import Task, program_of, task_of
from rollmill.pipelines.verify.code.suite import BadTestsError, ProgramSuite, suite_of, with_helpers
from rollmill.pipelines.verify.finding import prompt_text
from rollmill.stats import hodges_lehmann, program_efficiency

LEVELS = "levels"
"""Key of a problem's meta: how many of its tests, in order, belong to each level. Without it all are one level."""
LEAST = 0.001  # CPU seconds of the reference's longest test: below, starting the call is most of what is timed
Levels = list[list[float | None]]


@dataclass(frozen=True, slots=True)
class _Timed:
    """A problem ready for timing: its task, its suite, the number of tests of each level, and the reference's times."""

    task: Task
    suite: ProgramSuite
    sizes: tuple[int, ...]
    weights: tuple[float, ...]
    references: list[list[float]]


class Efficiency:
    """Runs programs; usable from any thread. Times are of this machine, so stored scores of one run are compared."""

    name = "efficiency"

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        alpha: float = 2.0,
        repeats: int = 6,
        weights: tuple[float, ...] = (0.0, 3.0, 3.0, 4.0),
        cpu_seconds: float = 10.0,
        memory_mib: int = 512,
    ) -> None:
        """Take the options of a recipe.

        Args:
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
            alpha: Limit of a level of tests, as a multiple of the reference's longest time.
            repeats: Times that each test is run.
            weights: Weight of each level of tests; one level alone has weight 1.
            cpu_seconds: CPU seconds of one run of a program, at which it is stopped.
            memory_mib: Memory of one program, in MiB.
        """
        if alpha <= 1.0 or repeats < 1 or not weights or min(weights) < 0.0 or max(weights) <= 0.0:
            raise SetupError(
                f"scorer 'efficiency': alpha is {alpha:g}, repeats {repeats}, weights {list(weights)}.",
                choices=("alpha above 1", "repeats from 1 on", "weights from 0 on, one above 0"),
            )
        self.alpha, self.repeats, self.weights, self.mode = alpha, repeats, tuple(weights), sandbox
        self.limits: SandboxLimits = limits_of(cpu_seconds, memory_mib)
        parts = f"alpha={alpha:g} repeats={repeats} weights={','.join(f'{weight:g}' for weight in weights)}"
        # The limits decide which runs are stopped, so they are part of the version.
        self.version = f"1 {parts} {sandbox} cpu={cpu_seconds:g}s memory={memory_mib}MiB"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion, in input order; none for a problem without a reference to time."""
        # Without a sandbox this raises; below, one that fails only means a reference that cannot be timed.
        check_sandbox(self.mode)
        with Sandbox(self.mode, self.limits) as box:
            timed = self._timed(box, problem)
            if timed is None:
                return
            known: dict[str, float] = {}  # equal programs are timed once
            for completion in completions:
                program = program_of(code_text(completion), timed.task)
                source = "" if program is None else program.text
                if source not in known:
                    known[source] = self._of(box, source, timed) if source else 0.0
                yield Score(completion.id, problem.id, self.name, self.version, known[source])

    def _timed(self, box: Sandbox, problem: Problem) -> _Timed | None:
        """The problem with the times of its reference; None if the reference does not pass or cannot be timed."""
        try:
            suite = suite_of(problem)
            task = task_of(prompt_text(problem.prompt), suite.entry_point)
            suite = with_helpers(suite, task.prelude)
            program = program_of(problem.reference, task)
            if program is None or not all_passed(run_suite(box, program.text, suite).results):
                return None
        except (BadTestsError, TestsBroken, SandboxFailed):
            return None
        sizes, weights = self._levels(problem, len(_tests("", suite)))
        times = self._times(box, program.text, suite, sizes)
        references = [[time for time in level if time is not None] for level in times]
        # A level of weight 0 need not take long enough to be timed.
        weighted = [level for level, weight in zip(references, weights, strict=True) if weight]
        # A run of the reference that was stopped left a time out.
        complete = [len(level) for level in references] == list(sizes)
        timeable = complete and all(level and max(level) >= LEAST for level in weighted)
        return _Timed(task, suite, sizes, weights, references) if timeable else None

    def _levels(self, problem: Problem, count: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
        """Number of tests and weight of each level."""
        given: Any = problem.meta.get(LEVELS)
        numbers = isinstance(given, list | tuple) and all(type(size) is int and size > 0 for size in given)
        if numbers and len(given) == len(self.weights) and sum(given) == count:
            return tuple(given), self.weights
        return (count,), (1.0,)

    def _of(self, box: Sandbox, source: str, timed: _Timed) -> float:
        """Efficiency of one program; 0 for one that fails a test or breaks the sandbox."""
        try:
            # Before any timing: a wrong program scores 0 however fast it is.
            if not all_passed(run_suite(box, source, timed.suite).results):
                return 0.0
            times = self._times(box, source, timed.suite, timed.sizes)
        except SandboxFailed:
            return 0.0
        return program_efficiency(times, timed.references, timed.weights, alpha=self.alpha) or 0.0

    def _times(self, box: Sandbox, source: str, suite: ProgramSuite, sizes: Sequence[int]) -> Levels:
        """Time of each test by level, None where a run was stopped; after such a test nothing more is run."""
        # What a program does before its first test is no time of the test.
        loading = self._time(box, Calls(source, ())) or 0.0
        starting = self._time(box, Script("")) or 0.0
        levels: Levels = []
        left, stopped = iter(_tests(source, suite)), False
        for size in sizes:
            level: list[float | None] = []
            for program in islice(left, size):
                time = None if stopped else self._time(box, program)
                stopped = time is None
                without = starting if isinstance(program, Script) else loading
                # Both times are measured, so the difference of a very short test may be below 0.
                level.append(None if time is None else max(0.0, time - without))
            levels.append(level)
        return levels

    def _time(self, box: Sandbox, program: Script | Calls | AssertTests) -> float | None:
        """Hodges-Lehmann estimate of the CPU seconds of a program; None once a run was stopped."""
        times = []
        for _ in range(self.repeats):
            report = box.run(program)
            if report.cause is not None:
                return None
            times.append(report.cpu_seconds)
        return hodges_lehmann(times)


def _tests(source: str, suite: ProgramSuite) -> list[Script | Calls | AssertTests]:
    """Every test of a suite as a program of its own, in the suite's order."""
    return [
        *(AssertTests(source, part.text, suite.entry_point) for part in suite.asserts),
        *(Calls(source, (Call(case.function, case.args, dict(case.kwargs)),)) for case in suite.calls),
        *(Script(source, case.stdin) for case in suite.runs),
    ]
