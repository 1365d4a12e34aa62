"""The job `plan`: what a recipe will take, forecast from past runs, former pilots or a pilot that it draws."""

from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial

from rollmill.flows.driver import Executor, Outcome, RequestKind
from rollmill.flows.forecasting.forecasts import done_run, plan_run, plan_stored
from rollmill.flows.forecasting.pilots import ForecastRequest
from rollmill.flows.job import Job
from rollmill.flows.progress import Progress
from rollmill.flows.session import Session, open_session, recipe_of
from rollmill.ground.errors import FoundWanting

TOO_LITTLE = "The stored evidence is too small for a forecast: there is no past run and no pilot of such problems."


class Plan(RequestKind):
    """Job that forecasts a recipe and stores the forecast. `stored`: True to use stored results only and draw nothing."""

    def __init__(self, job: Job, request: ForecastRequest | None = None, *, stored: bool = False) -> None:
        self.job, self.loaded, self.stored = job, recipe_of(job), stored
        self.request = request or ForecastRequest()

    @property
    def command(self) -> str:
        """The command line of the job; a pilot's completions are not drawn again."""
        return replace(self.job, verb="plan").command

    def open(self, progress: Progress) -> AbstractContextManager[Session]:
        """The session of the command."""
        return open_session(self.job, progress)

    def stages(self, session: Session, executor: Executor) -> Outcome:
        """Forecast; `done` names the finished run of this exact recipe, for which nothing is left to forecast."""
        run = (
            None if self.request.pilot else done_run(session, self.loaded)
        )  # a pilot that is asked for is drawn all the same
        if run is not None:
            return {"done": run}
        work = partial(plan_stored, session, self.loaded, self.request.simulations) if self.stored else None
        forecast = executor.stage("forecast", work or partial(plan_run, session, self.loaded, self.request))
        if forecast is None:
            raise FoundWanting(TOO_LITTLE, next_command="the same command without --no-pilot, which draws a pilot")
        about = {"id": forecast.id, "recipe_hash": forecast.recipe_hash, "source": forecast.source}
        return {**about, "recipe": forecast.name, **forecast.forecast}

    def line(self, outcome: Outcome) -> str:
        """The forecast's number, or the run that is done."""
        return f"run {outcome['done']} is done" if "done" in outcome else f"forecast {outcome['id']} of {outcome['recipe']}"
