"""The executor of a command under Prefect. It imports Prefect once the managed server has set its environment."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from flows.driver import Outcome
from flows.job import Job
from flows.prefect.managed import ManagedServer
from storage.ground.errors import RollmillError
from storage.workspace import STATE

T = TypeVar("T")
LOST = "The Prefect server was lost; its pages do not show all of this run. The ledger does: rollmill runs show"


class PrefectCommand:
    """Stages as tasks of a flow that a command begins, under the managed server. `waiting`: called when it waits for the
    server.
    """

    def __init__(self, job: Job, waiting: Callable[[str], None]) -> None:
        self._job, self._waiting = job, waiting
        self._server = ManagedServer(Path(job.workspace) / STATE)
        self._without_prefect = False

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()

    def stage(self, name: str, work: Callable[[], T], label: str = "") -> T:
        """The result of the work, as a task unless Prefect failed before the flow began."""
        if self._without_prefect:
            return work()
        from flows.prefect.job_flows import Tasks

        return Tasks().stage(name, work, label)

    def all_stages(self, work: Callable[[], Outcome], prepare: Callable[[], None]) -> Outcome:
        """The outcome of the work, done in a flow; it ends as the work did, whatever becomes of Prefect's server.

        Where Prefect fails before the work begins, it is done without it.
        """
        prepare()
        if not self._server.answers:
            self._waiting("waiting for Prefect's server")
        from flows.prefect.job_flows import in_a_flow

        noted = _Noted(work)
        try:
            self._server.wait()
            in_a_flow(self._job, noted)
        except BaseException as error:
            if noted.error is not None:  # Prefect has an interrupt of its own
                raise (noted.error if isinstance(noted.error, Exception) else KeyboardInterrupt) from None
            if not isinstance(error, Exception):
                raise
            self._without_prefect = True
            outcome = work() if noted.outcome is None else noted.outcome
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
