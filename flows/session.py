"""An open job: workspace, recipe, profile, problems and the run's specification, built on first use and shared.

A stage asks `session(job)`: within `hold(job)` all stages of one process share one session (one loaded model); alone, as
in a retry on another worker, a stage opens its own. Knows no Prefect.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import CHECKOUT
from flows.imported import Taken, counted, imports_taken
from flows.job import Job
from flows.limits import limit_of
from flows.problems import MadeProblems, make_problems
from flows.progress import Progress, Spent, Stage
from flows.recipe import LoadedRecipe, Profile, Resolved, load_profile, load_recipe
from flows.recipe.schema import Generate
from storage.errors import SetupError
from storage.ids import canonical_json
from storage.records import Sampling, redrawn

if TYPE_CHECKING:
    from flows.rounds import DecisionReport, RunSpec
    from flows.sampling.arms import Arm
    from pipelines.gate import GateResult
    from pipelines.generate.http.http_settings import HttpSettings
    from pipelines.generate.serving import LocalServers
    from pipelines.generate.vllm.vllm_settings import VllmSettings
    from storage.versions import Snapshot
    from storage.workspace import Workspace


@dataclass
class Session:
    """What the stages of one job share. Close it, or use `hold`."""

    job: Job
    workspace: "Workspace"
    loaded: LoadedRecipe
    profile: Profile
    progress: Progress
    spent: Spent = field(default_factory=Spent)
    messages: list[str] = field(default_factory=list)
    gate_result: "GateResult | None" = None
    ended: dict[str, Any] | BaseException | None = None  # the outcome of the stages or what ended them, as in the ledger

    @cached_property
    def problems(self) -> MadeProblems:
        """The problems of the recipe, stored."""
        return make_problems(self.workspace, self.loaded)

    @cached_property
    def spec(self) -> "RunSpec":
        """What the run is; its run is opened in the ledger when first asked for."""
        from flows.identity import open_run

        spec = build_spec(self)
        spec.run = open_run(self, spec)
        return spec

    def spec_without_run(self) -> "RunSpec":
        """What a run would be; no run of the recipe is opened. The caller closes it."""
        return build_spec(self)

    @cached_property
    def taken(self) -> Taken | None:
        """The imported rollouts that the run takes, counted; None where it draws."""
        if self.spec.generator is not None:
            return None
        return counted(self.workspace, self.spec.imports, self.problems)

    @cached_property
    def decided(self) -> "DecisionReport":
        """Every decision of the run, committed; all rounds must have been run."""
        from flows.rounds import decide

        return decide(self.workspace, self.spec)

    @cached_property
    def snapshot(self) -> "Snapshot":
        """What would be published."""
        from flows.curation.snapshot import take_snapshot

        return take_snapshot(self)

    @cached_property
    def local(self) -> "LocalServers":
        """The model servers that the profile wants started; none is before something is to be drawn from it."""
        from flows.serving import local_servers

        return local_servers(self)

    def prepare(self) -> None:
        """Do what takes long and needs no server, while one boots: problems, run, engine, the gate's library."""
        from flows.curation.gating import load_library

        if self.spec.generator is not None:
            for arm in self.spec.every_arm():
                self.spec.engine(arm.name)
        load_library()

    @property
    def run(self) -> str:
        """The id of the run in the ledger."""
        return self.spec.run

    @property
    def has_run(self) -> bool:
        """Whether the run was opened in the ledger by now."""
        return "spec" in self.__dict__

    def forget(self) -> None:
        """Drop what was derived from stored rows, because some of them were lost."""
        self.gate_result = None
        for name in ("decided", "snapshot"):
            self.__dict__.pop(name, None)

    def report(self, stage: Stage) -> None:
        """Tell how far a stage is."""
        self.progress.report(stage, self.workspace.runs, self.run)

    def close(self) -> None:
        """Release the engine and the workspace; end the servers that were started."""
        try:
            if self.has_run:
                self.spec.close()
        finally:
            if "local" in self.__dict__:
                self.local.close()
            self.workspace.close()


_held: ContextVar[Session | None] = ContextVar("rollmill_session", default=None)


@contextmanager
def hold(job: Job, progress: Progress | None = None) -> Iterator[Session]:
    """Keep one session open for every stage called inside the block; inside another such block of the job, that one."""
    held = _held.get()
    if held is not None and held.job == job:
        yield held
        return
    opened = open_session(job, progress)
    token = _held.set(opened)
    try:
        yield opened
    finally:
        _held.reset(token)
        opened.close()


@contextmanager
def session(job: Job) -> Iterator[Session]:
    """The held session of this job, or one for this block alone."""
    held = _held.get()
    if held is not None and held.job == job:
        yield held
        return
    opened = open_session(job)
    try:
        yield opened
    finally:
        opened.close()


def open_session(job: Job, progress: Progress | None = None) -> Session:
    """Check the recipe, open the workspace, finish what a killed command left; nothing is drawn or planned yet."""
    from storage.versions import finish_interrupted

    opened = _open(job, progress)
    try:
        opened.messages += [*opened.workspace.recover(), *finish_interrupted(opened.workspace)]
    except BaseException:
        opened.close()
        raise
    return opened


@contextmanager
def read_session(job: Job) -> Iterator[Session]:
    """A session that puts nothing right and is for looking only."""
    opened = _open(job, None)
    try:
        yield opened
    finally:
        opened.close()


def _open(job: Job, progress: Progress | None) -> Session:
    from storage.workspace import Workspace

    loaded = load_recipe(Path(job.recipe), sets=job.sets)
    profile = load_profile(Path(job.profile) if job.profile else None)
    workspace = Workspace.open(Path(job.workspace))
    return Session(job, workspace, loaded, profile, progress or Progress())


def build_spec(opened: Session) -> "RunSpec":
    """the specification of a recipe under a profile; its run has no id yet."""
    from flows.rounds import Limits, RunSpec

    recipe, generate = opened.loaded.recipe, opened.loaded.recipe.generate
    profile = opened.profile
    places = {"threads": profile.threads, "workers": profile.workers, "http": _http(opened), "vllm": _vllm(opened)}
    lanes = max((_lanes(profile, method, size) for method, size in _drawing(opened.loaded)), default=1)
    return RunSpec(
        run="",
        problems=opened.problems.problems,
        generator=None if opened.loaded.arms or opened.loaded.engine is None else _engine(opened, opened.loaded.engine),
        arms=_arms(opened),
        verifiers=[partial(method.build, **places) for method in opened.loaded.verifiers],
        budget=opened.loaded.budget.build(),
        selector=opened.loaded.selector.build(),
        recipe_seed=recipe.seed,
        stream=redrawn("curate", generate.redraw),
        sampling=sampling_of(generate),
        batch_size=generate.batch_size,
        imports=imports_taken(opened.workspace, opened.loaded),
        left_out=opened.problems.left_out,
        scorers=[method.build() for method in opened.loaded.scorers],
        accept=opened.loaded.accept.build(),
        planned_under=None if opened.loaded.planned_under is None else opened.loaded.planned_under.build(),
        limits=Limits(lanes=lanes, uncommitted=lanes + 1, unjudged=lanes + 3),
        prices=None if profile.prices is None else profile.prices.exact(),
        most=limit_of(opened.job, profile),
        on_event=opened.progress,
    )


def _drawing(loaded: LoadedRecipe) -> list[tuple[Resolved, int]]:
    """The engines that may draw, with their batch sizes."""
    alone = [] if loaded.engine is None else [(loaded.engine, loaded.recipe.generate.batch_size)]
    return [(arm.engine, arm.generate.batch_size) for arm in loaded.arms] or alone


def _lanes(profile: Profile, method: Resolved, batch_size: int) -> int:
    """Batches of this engine to draw side by side."""
    from flows.recipe.serve import as_servers
    from flows.recipe.servers import lanes_for

    if method.name == "vllm":
        return profile.vllm.lanes(batch_size)
    spooled = getattr(method.cls, "spooled", False)
    return lanes_for((*profile.servers, *as_servers(profile.serve)) if spooled else (), batch_size)


def sampling_of(generate: Generate) -> Sampling:
    """How the tokens of a section of the recipe are drawn."""
    return Sampling(generate.temperature, generate.top_p, generate.top_k, generate.max_tokens, tuple(generate.stop))


def _arms(opened: Session) -> "list[Arm]":
    """The recipe's arms; those with one engine share it, and its memory."""
    from flows.sampling.arms import Arm

    factories: dict[str, Callable[[], Any]] = {}
    for arm in opened.loaded.arms:
        factories.setdefault(canonical_json(arm.engine.canonical()), _engine(opened, arm.engine))
    return [
        Arm(
            arm.name,
            factories[canonical_json(arm.engine.canonical())],
            sampling_of(arm.generate),
            arm.prompt_template,
            arm.generate.batch_size,
        )
        for arm in opened.loaded.arms
    ]


def _engine(opened: Session, method: Resolved) -> Callable[[], Any]:
    if method.name == "vllm":
        here = replace(method, options=placed(method.options, opened.workspace.root))
        return partial(here.build, vllm=_vllm(opened))
    place = method.options.get("model")
    if place is None or method.name != "embedded":
        return partial(method.build, threads=opened.profile.threads, http=_http(opened))
    model = find_model(str(place), opened.workspace.root)

    def load() -> Any:
        try:
            return method.cls(**{**method.options, "model": str(model)}, threads=opened.profile.threads)
        except (ValueError, TypeError) as error:
            raise SetupError(f"engine {method.name!r}: {error}") from None

    return load


def _vllm(opened: Session) -> "VllmSettings":
    """What the profile says of the engine `vllm`, with a log in the workspace."""
    return opened.profile.vllm.settings(opened.workspace.root / ".rollmill" / "logs" / "vllm.log")


def placed(options: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The options with what names a place in the workspace as a full path; a model may also be a mere name."""
    places = {key: root / str(options[key]) for key in ("model", "lora", "chat_template") if options.get(key)}
    return {**options, **{key: str(place) for key, place in places.items() if len(place.name) < 200 and place.exists()}}


def _http(opened: Session) -> "HttpSettings | None":
    """What the profile says of servers, for engines that have some."""
    from flows.recipe.servers import http_settings

    profile = opened.profile
    if not profile.servers and not profile.serve:
        return None
    return replace(http_settings(profile.servers, profile.http, profile.prices), local=opened.local)


def find_model(place: str, root: Path) -> Path:
    """A model's folder: as given, in the workspace, or shipped with the program."""
    for candidate in (root / place, CHECKOUT / place):
        if candidate.is_dir():
            return candidate
    raise SetupError(
        f"no model folder {place} in the workspace {root} or shipped with Rollmill.",
        next_command=f"rollmill train --out {place}, or --set generate.model=FOLDER",
    )
