"""The executor of a command under Prefect. It imports Prefect once the managed server has set its environment."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rollmill.flows.driver import DIRECT, Direct, JobKind, Outcome
from rollmill.flows.job import Job
from rollmill.flows.prefect.managed import ManagedServer
from rollmill.flows.progress import Progress
from rollmill.ground.errors import RollmillError
from rollmill.storage.workspace import STATE

if TYPE_CHECKING:
    from rollmill.flows.prefect.flows.tasks import Tasks

LOST = "The Prefect server was lost; its pages do not show all of this run. The ledger does: rollmill runs show"


class PrefectCommand(Direct):
    """Stages as tasks of a flow that a command begins, under the managed server. `waiting`: called when it waits for the
    server.
    """

    def __init__(self, job: Job, waiting: Callable[[str], None]) -> None:
        self._job, self._waiting = job, waiting
        self._server = ManagedServer(Path(job.workspace) / STATE)
        self._tasks: Tasks

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()

    def watching(self, progress: Progress) -> Progress:
        """Progress that the flow run's page shows as well."""
        from rollmill.flows.prefect.flows.tasks import Tasks

        self._tasks = Tasks()
        return self._tasks.watching(progress)

    def all_stages(self, kind: JobKind[Any], target: Any) -> Outcome:
        """The outcome of the job's stages, done in a flow; it ends as they did, whatever becomes of Prefect's server.

        Where Prefect fails before they begin, they are done without it.
        """
        kind.prepare(target)
        if not self._server.answers:
            self._waiting("waiting for Prefect's server")
        from rollmill.flows.prefect.flows.carrying import in_a_flow

        noted = _Noted(partial(self._tasks.all_stages, kind, target))
        try:
            self._server.wait()
            in_a_flow(self._job, noted)
        except BaseException as error:
            if noted.error is not None:  # Prefect has an interrupt of its own
                raise (noted.error if isinstance(noted.error, Exception) else KeyboardInterrupt) from None
            if not isinstance(error, Exception):
                raise
            outcome = kind.stages(target, DIRECT) if noted.outcome is None else noted.outcome
            lost = f"Without Prefect, because {error}" if isinstance(error, RollmillError) else LOST
            return {**outcome, "messages": [*outcome.get("messages", ()), lost]}
        assert noted.outcome is not None
        return noted.outcome


class _Noted:
    """Some work with its outcome or error, once it has ended."""

    def __init__(self, work: Callable[[], Outcome]) -> None:
        self._work = work
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None

    def __call__(self) -> Outcome:
        try:
            self.outcome = self._work()
        except BaseException as error:
            self.error = error
            raise
        return self.outcome
