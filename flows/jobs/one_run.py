"""Base class of the jobs that are one run of one recipe: problems, rounds and verdicts, then a result of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import Executor, Outcome
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import build_engines, draw_and_score, synthesize
from rollmill.flows.jobs.record import end_run, repair_attempts, worked_on
from rollmill.flows.progress import Progress
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.rounds import OpenRun
from rollmill.flows.session import open_session

if TYPE_CHECKING:
    from rollmill.metrics import Funnel


class OneRun:
    """A job whose run is of the recipe `loaded`. A subclass has `result` and `line`."""

    def __init__(self, job: Job, loaded: LoadedRecipe) -> None:
        self.job, self.loaded = job, loaded

    def result(self, run: OpenRun, executor: Executor) -> Outcome:
        """The result of a run whose rollouts are judged and scored, as JSON values; called again after a repair."""
        raise NotImplementedError

    def line(self, outcome: Outcome) -> str:
        """The outcome in one line."""
        raise NotImplementedError

    def counts(self, run: OpenRun) -> "Funnel":
        """Counts of the run's problems and rollouts by outcome."""
        from rollmill.storage.queries import Reader, funnel, run_scope

        return funnel(run_scope(Reader(run.workspace), run.id))

    def recipe(self) -> dict[str, Any]:
        """Canonical form of the recipe of the run."""
        return self.loaded.canonical()

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command

    @contextmanager
    def open(self, progress: Progress) -> Iterator[OpenRun]:
        """The run, opened or resumed in its workspace after repairing what a killed command left."""
        with open_session(self.job, progress) as session, worked_on(session, self.loaded) as run:
            yield run

    def prepare(self, run: OpenRun) -> None:
        """Build the engines before the first stage."""
        build_engines(run)

    def stages(self, run: OpenRun, executor: Executor) -> Outcome:
        """Draw and judge every round, then the result; LimitReached if a limit ends the drawing.

        Where a segment turns out corrupt they are done again, which makes its rows again.
        """
        for attempt in repair_attempts(run.session, run):
            with attempt:
                executor.stage("synthesize", partial(synthesize, run), run=run.id)
                draw_and_score(run, executor)
                row = self.result(run, executor)
        end_run(run, "done", self.summary(run, row))
        return {**row, "run": run.id, "spent": run.spent.row(), "messages": list(run.session.messages)}

    def summary(self, run: OpenRun, row: Outcome) -> Outcome:
        """Part of the result that the ledger keeps."""
        return {**row, "next": f"rollmill runs show {run.id}"}

    def run_of(self, run: OpenRun) -> str:
        """The id of the run."""
        return run.id

    def report(self, outcome: Outcome) -> Outcome:
        """The outcome unchanged: no report file."""
        return outcome

    def check(self, outcome: Outcome) -> None:
        """Nothing: no requirement."""
