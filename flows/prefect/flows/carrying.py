"""The job of a flow's parameters, carried out as tasks, or as the command or the firing says that began the flow."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.events.clients import PrefectEventsClient
from prefect.events.worker import EventsWorker
from pydantic import BaseModel, Field

from rollmill.flows.driver import Outcome, drive
from rollmill.flows.job import Job, workspace_root
from rollmill.flows.jobs.kinds import kind_of
from rollmill.flows.prefect.flows.tasks import Tasks
from rollmill.ground.by_name import object_at
from rollmill.kinds import firing_of
from rollmill.storage.schedules import Schedule

if TYPE_CHECKING:
    from prefect import Flow

RECONNECTIONS = 2  # of a command's own stream of events: more of them sleep a second each, event by event


class JobOptions(BaseModel):
    """Options of a job, as Prefect's page asks for them."""

    sets: list[str] = Field(default=[], description="Overrides of the recipe's keys, such as budget.options.cap=32.")
    profile: str | None = Field(default=None, description="Path of the profile with servers, workers and prices.")
    keep_going: bool = Field(default=False, description="Restart an unfinished run under the current verifiers and models.")
    max_tokens: int | None = Field(default=None, description="Tokens that the run may draw.")
    max_cost: str | None = Field(default=None, description="Amount that the run may cost, in the profile's currency.")
    publish_again: bool = Field(default=True, description="Publish content that equals an older version as the newest one.")
    workspace: str | None = Field(default=None, description="Folder of the workspace; by default the nearest one here.")


def _driven(job: Job) -> Outcome:
    """The outcome of a job that nobody opened yet."""
    kind = kind_of(job)
    outcome = drive(kind, Tasks())
    kind.check(outcome)
    return outcome


_work: ContextVar[Callable[[Job], Outcome]] = ContextVar("work", default=_driven)


@contextmanager
def carried_out_by(work: Callable[[Job], Outcome]) -> Iterator[None]:
    """Let a flow that begins in this block do this work instead of driving the job of its parameters."""
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)


def flow_of(verb: str) -> "Flow[..., Any]":
    """The flow of a verb."""
    named: Flow[..., Any] = object_at(firing_of(verb).flow)
    return named


def carry_out(verb: str, recipe: str, options: JobOptions) -> Outcome:
    """The outcome of a flow. Paths are relative to the workspace where the options name one, else to the current folder."""
    values = options.model_dump()
    root, folder = workspace_root(), Path()
    if options.workspace is not None:
        root, folder = Path(options.workspace), Path(options.workspace)
    values["workspace"], values["sets"] = str(root), tuple(options.sets)
    values["profile"] = None if options.profile is None else str((folder / options.profile).resolve())
    return _work.get()(Job(recipe=str((folder / recipe).resolve()), verb=verb, **values))


def parameters_of(job: Job) -> dict[str, Any]:
    """The parameters of a job's flow, without options that are as by default."""
    options = JobOptions(**{name: getattr(job, name) for name in JobOptions.model_fields})
    return {"recipe": job.recipe, "options": options.model_dump(exclude_defaults=True)}


def parameters_of_schedule(item: Schedule, workspace: Path) -> dict[str, Any]:
    """The parameters of a schedule's flow."""
    job = Job(str(workspace), item.recipe, item.sets, item.profile, verb=item.verb, publish_again=item.publish_again)
    return parameters_of(job)


def in_a_flow(job: Job, work: Callable[[], Outcome]) -> None:
    """Do some work of a command in the flow of a job's kind."""
    logging.raiseExceptions = False  # a server that is lost is told of once, at the end
    EventsWorker.set_client_override(PrefectEventsClient, reconnection_attempts=RECONNECTIONS)
    with carried_out_by(lambda _job: work()):
        flow_of(job.verb)(**parameters_of(job))
