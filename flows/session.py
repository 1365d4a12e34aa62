"""Resources of a job (workspace, recipe, profile, engines, servers) and the run of its recipe.

    with open_session(job) as session:
        run = open_run(session)             # flows.identity: makes the problems, opens the run in the ledger
        run.spec, run.problems, run.workspace

A session is always passed as an argument; there is no global one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.job import Job
from flows.problems import RecipeProblems
from flows.progress import Progress, Stage
from flows.ray_cluster import RayCluster
from flows.recipe.load import LoadedRecipe, load_recipe
from flows.recipe.profile import Profile, load_profile
from flows.rounds import OpenRun, RunSpec
from flows.rounds.run import RunCounts
from flows.sampling.sample import RunSamplers
from flows.sampling.steps import Engines
from flows.taken_imports import ImportedCounts, imported_counts
from pipelines.processes.freed_memory import return_large_blocks
from storage.ground.money import UNITS

if TYPE_CHECKING:
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.serving.local_servers import ServerEvent
    from storage.workspace import Workspace

SHOWN = 60  # letters of a server's log line beside the bar


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCounts(RunCounts):
    """Counts of the rounds that this command drew and judged."""

    rounds: int = 0

    def plus(self, result: RunCounts) -> "CommandCounts":
        """The counts with those of one more round."""
        sums = {part.name: getattr(self, part.name) + getattr(result, part.name) for part in fields(RunCounts)}
        return CommandCounts(**sums, rounds=self.rounds + 1)

    def row(self) -> dict[str, Any]:
        """The record as JSON values."""
        row: dict[str, Any] = {"rounds": self.rounds}
        row |= {part.name: getattr(self, part.name) for part in fields(RunCounts)}
        row["cost"] = row.pop("units") / UNITS
        return {**row, "seconds": round(self.seconds, 3)}


@dataclass
class Session:
    """Resources of a job. `servers`: the profile's model servers, each started by its first request.

    `ray`: the cluster on which verifiers judge, if the profile names one. `engines`: shared by the job's runs, built by
    `factories`, which have the engine's name and options as key. `run`: the run, once it is opened.
    """

    job: Job
    workspace: "Workspace"
    loaded: LoadedRecipe
    profile: Profile
    progress: Progress
    spent: CommandCounts = field(default_factory=CommandCounts)
    messages: list[str] = field(default_factory=list)
    servers: "LocalServers | None" = None
    ray: "RayCluster | None" = None
    engines: Engines = field(default_factory=Engines)
    factories: dict[str, Callable[[], Any]] = field(default_factory=dict)
    run: "RecipeRun | None" = None

    def close(self) -> None:
        """Release the engines and the workspace; end the servers that were started."""
        try:
            if self.run is not None:
                self.run.close()
        finally:
            self.engines.close()
            if self.servers is not None:
                self.servers.close()
            if self.ray is not None:
                self.ray.close()
            self.workspace.close()


class RecipeRun(OpenRun):
    """Run of a session's recipe. `seconds`: taken by making its problems, from `began` on, and by opening it."""

    def __init__(
        self, session: Session, spec: RunSpec, problems: RecipeProblems, samplers: RunSamplers, began: float | None = None
    ) -> None:
        super().__init__(spec, samplers=samplers, on_event=session.progress, engines=session.engines)
        self.session, self.problems, self.seconds = session, problems, 0.0
        self._began = time.monotonic() if began is None else began

    def bind(self, run: str) -> None:
        """Give the run its id in the ledger, once."""
        super().bind(run)
        self.seconds = self.elapsed

    @property
    def elapsed(self) -> float:
        """Seconds since its problems were begun."""
        return time.monotonic() - self._began

    @cached_property
    def imported(self) -> ImportedCounts | None:
        """Counts of the rollouts that it takes, read once; None for a run that draws."""
        if not self.spec.takes_imports:
            return None
        return imported_counts(self.workspace, self.spec.imports, self.problems)

    @property
    def workspace(self) -> "Workspace":
        """The workspace of its rows."""
        return self.session.workspace

    @property
    def loaded(self) -> LoadedRecipe:
        """Recipe of the session, with its methods loaded."""
        return self.session.loaded


@contextmanager
def open_session(job: Job, progress: Progress | None = None, loaded: LoadedRecipe | None = None) -> Iterator[Session]:
    """Check the recipe, open the workspace, finish what a killed command left; nothing is drawn or planned yet.

    `loaded`: the recipe to work with, where the job's file is none (an evaluation makes its recipes).
    """
    from storage.versions.publish import finish_interrupted

    return_large_blocks()
    with read_session(job, progress, loaded) as session:
        session.messages += [*session.workspace.recover(), *finish_interrupted(session.workspace)]
        yield session


@contextmanager
def read_session(job: Job, progress: Progress | None = None, loaded: LoadedRecipe | None = None) -> Iterator[Session]:
    """A session that puts nothing right and is for looking only."""
    from storage.workspace import Workspace

    loaded = loaded or recipe_of(job)
    profile = load_profile(Path(job.profile) if job.profile else None)
    workspace = Workspace.open(Path(job.workspace))
    session = Session(job, workspace, loaded, profile, progress or Progress())
    try:
        if profile.serve:
            session.servers = _local_servers(session)
        if profile.ray is not None:
            session.ray = RayCluster(profile.ray)
        yield session
    finally:
        session.close()


def recipe_of(job: Job) -> LoadedRecipe:
    """The recipe of a job: that of its file, or of a cell in an evaluation's file. SetupError for any mistake in it."""
    path = Path(job.recipe)
    if job.cell is None:
        return load_recipe(path, sets=job.sets)
    from flows.recipe.evaluations import load_evaluation  # which most commands do not need

    return load_evaluation(path, sets=job.sets).cell(job.cell)


def _local_servers(session: Session) -> "LocalServers":
    """Local servers of the profile's `serve`, ready to start; a lost server is reported in the session's messages."""
    from flows.recipe.servers import local_models
    from pipelines.generate.serving import LocalServers

    profile, workspace = session.profile, session.workspace
    models = local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs")

    def tell(event: "ServerEvent") -> None:
        if event.state in ("restarting", "lost") and not event.seconds:
            session.messages.append(f"the model server {event.name} {event.detail}; {workspace.state / 'logs'} has its log")
        if event.state != "ended":
            session.progress.tell(_stage(event))

    return LocalServers(models, tell)


def _stage(event: "ServerEvent") -> Stage:
    detail = {"said": f"{event.name}: {event.detail}"[:SHOWN] if event.detail else event.name, "state": event.state}
    return Stage("serve", int(event.state == "up"), 1, seconds=event.seconds, detail=detail)
