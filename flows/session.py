"""An open job: a workspace, a recipe and a profile, and the run that the recipe is in that workspace.

    with open_session(job) as session:
        run = open_run(session)             # flows.identity: makes the problems, opens the run in the ledger
        run.spec, run.problems, run.workspace

Whoever opens a session hands it on: there is none that a function finds by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.imported import ImportedCounts, imported_counts
from flows.job import Job
from flows.problems import RecipeProblems
from flows.progress import CommandCounts, Progress, Stage
from flows.ray_cluster import RayCluster
from flows.recipe import LoadedRecipe, Profile, load_profile, load_recipe
from flows.sampling.steps import Engines
from storage.freed_memory import return_large_blocks

if TYPE_CHECKING:
    from flows.rounds import OpenRun, RunSpec
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.serving.local_servers import ServerEvent
    from storage.workspace import Workspace

SHOWN = 60  # letters of a server's log line beside the bar


@dataclass
class Session:
    """What one job works with. `servers`: model servers that the profile wants; none is started before it is asked.

    `ray`: where its verifiers judge, if the profile says so. `engines`: those that its runs have built, by what builds
    them: `factories`, by the engine's name and options.
    `run`: the run, once it is opened; `ended`: the outcome of the stages or what ended them, as in the ledger.
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
    ended: dict[str, Any] | BaseException | None = None

    def close(self) -> None:
        """Release the engines and the workspace; end the servers that were started."""
        try:
            if self.run is not None:
                self.run.open.close()
        finally:
            self.engines.close()
            if self.servers is not None:
                self.servers.close()
            if self.ray is not None:
                self.ray.close()
            self.workspace.close()


@dataclass(frozen=True)
class RecipeRun:
    """What a recipe is in a workspace under a profile: its problems and its specification.

    `id` is the run's id in the ledger, "" where it was not opened.
    """

    session: Session
    problems: RecipeProblems
    open: "OpenRun"

    @property
    def spec(self) -> "RunSpec":
        """Its specification."""
        return self.open.spec

    @cached_property
    def imported(self) -> ImportedCounts | None:
        """The rollouts that it takes, counted when first asked for; None where it draws."""
        if self.spec.generator is not None:
            return None
        return imported_counts(self.workspace, self.spec.imports, self.problems)

    @property
    def workspace(self) -> "Workspace":
        """Where its rows are."""
        return self.session.workspace

    @property
    def loaded(self) -> LoadedRecipe:
        """Its recipe."""
        return self.session.loaded

    @property
    def id(self) -> str:
        """Its id in the ledger."""
        return self.open.id


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

    loaded = loaded or _loaded(job)
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


def _loaded(job: Job) -> LoadedRecipe:
    """The recipe of a job: that of its file, or of a cell in an evaluation's file."""
    path = Path(job.recipe)
    if job.cell is None:
        return load_recipe(path, sets=job.sets)
    from flows.recipe.evaluations import load_evaluation  # which most commands do not need

    return load_evaluation(path, sets=job.sets).cell(job.cell)


def _local_servers(session: Session) -> "LocalServers":
    """What the profile's `serve` wants, ready to be started; that one was lost is told in the session's messages."""
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
