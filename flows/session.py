"""Resources of a command: workspace, profile, engines, servers, progress.

    with open_session(job) as session, open_run(session, recipe_of(job)) as run:  # rollmill.flows.identity
        run_all(run)                                                              # rollmill.flows.rounds

A session is always passed as an argument; there is no global one.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows import CHECKOUT
from rollmill.flows.job import Job
from rollmill.flows.progress import Progress, Stage
from rollmill.flows.ray_cluster import RayCluster
from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.recipe.parse import override, read_yaml
from rollmill.flows.recipe.profile import Profile, load_profile
from rollmill.flows.recipe.user_files import NotTrusted, stored_methods
from rollmill.flows.sampling.engine_models import engine_model
from rollmill.flows.sampling.steps import Engines
from rollmill.ground.errors import SetupError
from rollmill.kinds import FIRST, kind_of_verb
from rollmill.pipelines.own_jobs import is_own_profile, is_own_recipe
from rollmill.pipelines.processes.freed_memory import return_large_blocks
from rollmill.roles.engine_roles import FindsFiles
from rollmill.storage.models.index import MODELS

if TYPE_CHECKING:
    from rollmill.pipelines.generate.serving import LocalServers
    from rollmill.pipelines.generate.serving.local_servers import ServerEvent
    from rollmill.storage.runs import Run
    from rollmill.storage.workspace import Workspace

_OF_RUN = ("score", "accept")  # parts of a run's record that commands build methods of
SERVERS = logging.getLogger("rollmill.servers")
SHOWN = 60  # letters of a server's log line beside the bar


@dataclass
class Session:
    """Resources of a command, for all its runs. `servers`: the profile's model servers, each started by its first request.

    `ray`: the cluster on which verifiers judge, if the profile names one. `engines`: shared by the runs, built by
    `factories`, which have the engine's name and options as key. `messages`: what the command's user should know.
    """

    job: Job
    workspace: "Workspace"
    profile: Profile = field(default_factory=Profile)
    progress: Progress = field(default_factory=Progress)
    messages: list[str] = field(default_factory=list)
    servers: "LocalServers | None" = None
    ray: "RayCluster | None" = None
    engines: Engines = field(default_factory=Engines)
    factories: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def of_cell(self, cell: LoadedRecipe) -> "Session":
        """The session of one cell of an evaluation: the same resources, with a job and progress of its own."""
        assert cell.cell is not None
        progress = self.progress.of_cell(cell.cell.benchmark, cell.cell.model)
        return replace(self, job=replace(self.job, cell=cell.recipe.name), progress=progress)

    def close(self) -> None:
        """Release the engines and the workspace; end the servers that were started."""
        try:
            self.engines.close()
        finally:
            if self.servers is not None:
                self.servers.close()
            if self.ray is not None:
                self.ray.close()
            self.workspace.close()


@contextmanager
def open_session(job: Job, progress: Progress | None = None) -> Iterator[Session]:
    """Open the workspace and finish what a killed command left; nothing is drawn or planned yet."""
    from rollmill.storage.versions.publish import finish_interrupted

    return_large_blocks()
    with read_session(job, progress) as session:
        session.messages += [*session.workspace.recover(), *finish_interrupted(session.workspace)]
        yield session


@contextmanager
def read_session(job: Job, progress: Progress | None = None) -> Iterator[Session]:
    """A session that puts nothing right and is for looking only."""
    from rollmill.storage.workspace import Workspace

    profile = load_profile(Path(job.profile) if job.profile else None)
    workspace = Workspace.open(Path(job.workspace))
    session = Session(job, workspace, profile, progress or Progress())
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
    from rollmill.flows.recipe.evaluations import load_evaluation  # which most commands do not need

    return load_evaluation(path, sets=job.sets).cell(job.cell)


def stored_job(
    run: "Run",
    root: Path,
    *,
    unchanged: bool = False,
    profile: str | None = None,
    max_tokens: int | None = None,
    max_cost: str | None = None,
) -> Job:
    """The job of a run with this profile and these limits; SetupError unless the person named here what it loads.

    That is the Python files of the recipe, programs without the sandbox, and the profile with its programs and servers,
    unless the command names another profile. A recipe that was run from its place with the same overrides is the person's,
    whatever it and its files say today: `reverify` is for changed verifiers. `unchanged`: files and profile have to be as
    they ran.
    """
    job = Job.of_run(run.recipe["job"], root)
    job = replace(
        job,
        profile=profile or job.profile,
        max_tokens=job.max_tokens if max_tokens is None else max_tokens,
        max_cost=max_cost or job.max_cost,
    )
    try:
        _require_own(job, run, unchanged=unchanged)
        if profile is None and not is_own_profile(job.profile, unchanged=unchanged):
            raise NotTrusted(f"run {run.id} has the profile {job.profile}, which you did not use here as it is now.")
    except NotTrusted as error:
        raise SetupError(error.message, next_command=f"read it, then {job.command}") from None
    return job


def _require_own(job: Job, run: "Run", *, unchanged: bool) -> None:
    """NotTrusted for a recipe, or a part that only the run's record has, with code that the person did not name here."""
    recipe, own = read_yaml(Path(job.recipe), "recipes")[0], is_own_recipe(job.recipe, job.sets)
    for text in job.sets:
        override(recipe, text)
    kind = kind_of_verb(job.verb)
    if (
        kind is not None and kind is not FIRST and kind.recipe is not None and not own
    ):  # its code may be named in other files
        raise NotTrusted(f"run {run.id} belongs to the {kind.recipe.noun} {job.recipe}, which you did not run here.")
    recorded = {key: run.recipe[key] for key in _OF_RUN if run.recipe.get(key)}
    parts: list[Mapping[str, Any]] = [recorded] if own and not unchanged else [recorded, recipe]
    for part in parts:
        with stored_methods(f"run {run.id}", part, None, base=job.folder) as methods:
            methods.require_own(recipe if own else {}, unchanged=unchanged)


def _local_servers(session: Session) -> "LocalServers":
    """Local servers of the profile's `serve`, ready to start; a lost server is reported in the session's messages."""
    from rollmill.flows.recipe.servers import local_models
    from rollmill.pipelines.generate.serving import LocalServers

    profile, workspace = session.profile, session.workspace
    models = local_models(profile.serve, profile.servers, workspace.root, workspace.state / "logs")

    def tell(event: "ServerEvent") -> None:
        level = logging.WARNING if event.state in ("restarting", "lost") else logging.INFO
        level = logging.DEBUG if event.state == "starting" and event.seconds else level  # each line of the server's own log
        fields = {"server": event.name, "state": event.state}
        SERVERS.log(level, "%s is %s. %s", event.name, event.state, event.detail, extra={"fields": fields})
        if event.state in ("restarting", "lost") and not event.seconds:
            session.messages.append(f"the model server {event.name} {event.detail}; {workspace.state / 'logs'} has its log")
        if event.state != "ended":
            session.progress.tell(_stage(event))

    return LocalServers(models, tell)


def _stage(event: "ServerEvent") -> Stage:
    detail = {"said": f"{event.name}: {event.detail}"[:SHOWN] if event.detail else event.name, "state": event.state}
    return Stage("serve", int(event.state == "up"), 1, seconds=event.seconds, detail=detail)


def with_places(engine: MethodSpec, root: Path) -> MethodSpec:
    """The engine with the full paths of the files that its options name, in the workspace or shipped with the program.

    A reference to a version, `models/student@v2`, becomes the path of its folder; to an engine that asks servers it stays
    a name. An option that names no file stays: a model may be a mere name.
    """
    options = dict(engine.options)
    if isinstance(model := options.get("model"), str):
        options["model"] = engine_model(root / MODELS, engine.cls, model)
    names: Sequence[str] = engine.cls.places if isinstance(engine.cls, FindsFiles) else ()
    tried = [(key, folder / str(options[key])) for key in names if options.get(key) for folder in (CHECKOUT, root)]
    return replace(engine, options={**options, **{key: str(place) for key, place in tried if _exists(place)}})


def _exists(place: Path) -> bool:
    """A chat template may be given as text, which no file can have as its name."""
    with suppress(OSError, ValueError):
        return place.exists()
    return False
