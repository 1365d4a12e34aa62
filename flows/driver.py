"""The driver of jobs: opens the input, carries out the stages, writes the report. A job that is driven again resumes.

from rollmill.flows.jobs.kinds import kind_of

drive(kind_of(job))                     # every stage in this process
drive(kind_of(job), PrefectCommand(job))  # every stage as a task (rollmill.flows.prefect.command)
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from rollmill.flows.job import Job
from rollmill.flows.progress import Progress
from rollmill.flows.telemetry import span, span_of_job

T = TypeVar("T")
Target = TypeVar("Target")
Outcome = dict[str, Any]


class Executor(Protocol):
    """Executor of stages. It is entered before the job opens its workspace and left at the end of the job."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def watching(self, progress: Progress) -> Progress:
        """Progress that this executor shows as well."""

    def all_stages(self, kind: "JobKind[Any]", target: Any) -> Outcome:
        """The outcome of a job's stages; the job is prepared first where something has to be waited for."""

    def stage(self, name: str, work: Callable[[], T], **inputs: str | int) -> T:
        """The result of one stage; `inputs` name what it works on (run, round). A stage may be called again: it resumes."""


class Direct:
    """Executor that runs each stage directly in this process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """No-op: entering began nothing."""

    def watching(self, progress: Progress) -> Progress:
        """The progress unchanged."""
        return progress

    def all_stages(self, kind: "JobKind[Any]", target: Any) -> Outcome:
        """The outcome of the job's stages."""
        return kind.stages(target, self)

    def stage(self, name: str, work: Callable[[], T], **inputs: str | int) -> T:
        """The result of the work."""
        with span(name, **inputs):
            return work()


DIRECT = Direct()


class JobKind(Protocol[Target]):
    """A kind of jobs, made of its input: that reads and checks it, and opens nothing."""

    @property
    def command(self) -> str:
        """The command line that resumes the job."""

    def open(self, progress: Progress) -> AbstractContextManager[Target]:
        """Target of the stages: a run, or the session of several runs."""

    def prepare(self, target: Target) -> None:
        """Do what takes seconds and needs no Prefect server, while one boots."""

    def stages(self, target: Target, executor: Executor) -> Outcome:
        """Carry out every stage; the ledger says how that ended. The outcome as JSON values."""

    def run_of(self, target: Target) -> str | None:
        """The id of the job's run; None if it has several."""

    def report(self, outcome: Outcome) -> Outcome:
        """Write the job's report files outside the workspace's own; returns the outcome with their paths."""

    def check(self, outcome: Outcome) -> None:
        """FoundWanting if a measurement falls short of the recipe's requirement."""

    def line(self, outcome: Outcome) -> str:
        """The outcome in one line, for the record of a schedule."""


class RecipeKind(JobKind[Target], Protocol[Target]):
    """A kind made of a job with a recipe. It can also be carried out as tasks, and by a schedule."""

    @property
    def job(self) -> Job: ...

    def recipe(self) -> dict[str, Any]:
        """Canonical form of its recipe or evaluation, as loaded."""


class RequestKind:
    """Defaults of a kind without a recipe: prepares nothing, writes no report, and checks nothing."""

    def prepare(self, target: Any) -> None:
        """Nothing."""

    def run_of(self, target: Any) -> str | None:
        """No run of the job's own."""
        del target
        return None

    def report(self, outcome: Outcome) -> Outcome:
        """The outcome unchanged."""
        return outcome

    def check(self, outcome: Outcome) -> None:
        """No check: always passes."""


def _ignore(run: str | None) -> None:
    """No-op listener."""


def drive(
    kind: JobKind[Any],
    executor: Executor = DIRECT,
    progress: Progress | None = None,
    at_end: Callable[[str | None], None] = _ignore,
) -> Outcome:
    """Run a job to its outcome. `at_end` gets the id of its run when the stages have ended, however they did."""
    with span_of_job(type(kind).__name__.lower()), executor, kind.open(executor.watching(progress or Progress())) as target:
        try:
            outcome = executor.all_stages(kind, target)
        finally:
            at_end(kind.run_of(target))
        return kind.report(outcome)
