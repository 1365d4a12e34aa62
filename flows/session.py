"""An open job: workspace, recipe, profile, problems and the mill's specification, built on first use and shared.

A stage asks `session(job)`: within `hold(job)` all stages of one process share one session (one loaded model); alone, as
in a retry on another worker, a stage opens its own. Knows no Prefect.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.job import Job
from flows.problems import MadeProblems, make_problems
from flows.progress import Progress, Spent, Stage
from flows.recipe import LoadedRecipe, Profile, load_profile, load_recipe
from storage.errors import SetupError
from storage.records import Sampling

if TYPE_CHECKING:
    from flows.mill import DecisionReport, MillSpec
    from pipelines.gate import GateResult
    from storage.versions import Snapshot
    from storage.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parents[1]


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

    @cached_property
    def problems(self) -> MadeProblems:
        """The problems of the recipe, stored."""
        return make_problems(self.workspace, self.loaded)

    @cached_property
    def spec(self) -> "MillSpec":
        """What the mill needs; its run is opened in the ledger when first asked for."""
        from flows.identity import open_run

        spec = build_spec(self)
        spec.run = open_run(self, spec)
        return spec

    @cached_property
    def decided(self) -> "DecisionReport":
        """Every decision of the run, committed; all rounds must have been run."""
        from flows.mill import decide

        return decide(self.workspace, self.spec)

    @cached_property
    def snapshot(self) -> "Snapshot":
        """What would be published."""
        from flows.snapshot import take_snapshot

        return take_snapshot(self)

    def prepare(self) -> None:
        """Do what takes long and needs no server, while one boots: problems, run, engine, the gate's library."""
        from flows.gating import load_library

        if self.spec.generator is not None:
            self.spec.engine()
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
        """Release the engine and the workspace."""
        if self.has_run:
            self.spec.close()
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
    workspace = Workspace.open(Path(job.workspace), ledger_url=profile.ledger, segments_url=profile.segments)
    return Session(job, workspace, loaded, profile, progress or Progress())


def build_spec(opened: Session) -> "MillSpec":
    """The mill's specification of a recipe under a profile; its run has no id yet."""
    from flows.mill import MillSpec

    recipe, generate = opened.loaded.recipe, opened.loaded.recipe.generate
    threads = {"threads": opened.profile.threads, "workers": opened.profile.workers}
    return MillSpec(
        run="",
        problems=opened.problems.problems,
        generator=_engine(opened),
        verifiers=[partial(method.build, **threads) for method in opened.loaded.verifiers],
        budget=opened.loaded.budget.build(),
        selector=opened.loaded.selector.build(),
        recipe_seed=recipe.seed,
        sampling=Sampling(generate.temperature, generate.top_p, generate.top_k, generate.max_tokens, tuple(generate.stop)),
        batch_size=generate.batch_size,
        imports=generate.imports,
        scorers=[method.build() for method in opened.loaded.scorers],
        on_event=opened.progress,
    )


def _engine(opened: Session) -> Callable[[], Any] | None:
    method = opened.loaded.engine
    if method is None:
        return None
    place = method.options.get("model")
    if place is None or method.name != "embedded":
        return partial(method.build, threads=opened.profile.threads)
    model = find_model(str(place), opened.workspace.root)

    def load() -> Any:
        try:
            return method.cls(**{**method.options, "model": str(model)}, threads=opened.profile.threads)
        except (ValueError, TypeError) as error:
            raise SetupError(f"engine {method.name!r}: {error}") from None

    return load


def find_model(place: str, root: Path) -> Path:
    """A model's folder: as given, in the workspace, or shipped with the program."""
    for candidate in (root / place, CHECKOUT / place):
        if candidate.is_dir():
            return candidate
    raise SetupError(
        f"no model folder {place} in the workspace {root} or shipped with Rollmill.",
        next_command=f"rollmill train --out {place}, or --set generate.model=FOLDER",
    )
