"""Resolution of a recipe in a workspace under a profile: its names become engines, verifiers, methods and limits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rollmill.flows.limits import limit_of
from rollmill.flows.problems import RecipeProblems
from rollmill.flows.ray_cluster import on_ray
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.methods import MethodSpec
from rollmill.flows.rounds.spec import redrawn
from rollmill.flows.session import Session, with_places
from rollmill.flows.taken_imports import digest_of_imports, imports_taken
from rollmill.flows.worked_examples import Examples
from rollmill.ground.ids import canonical_json
from rollmill.roles.engine_roles import DrawsSideBySide
from rollmill.roles.protocols import ReadsVotes

if TYPE_CHECKING:
    from rollmill.flows.rounds import OpenRun, RunSpec
    from rollmill.flows.sampling.sample import RunSamplers
    from rollmill.flows.sampling.steps import Step
    from rollmill.pipelines.generate.http.http_settings import HttpSettings
    from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings
    from rollmill.storage.workspace import Workspace

MOST_DRAW_WORKERS = 16  # batches side by side, at most: each holds its replies in memory


def built_run(session: Session, loaded: LoadedRecipe, problems: RecipeProblems, began: float | None = None) -> "OpenRun":
    """The run of a recipe with these problems; it has no id yet. Builds no engine; the caller closes it."""
    from rollmill.flows.rounds import OpenRun
    from rollmill.flows.sampling.sample import RunSamplers
    from rollmill.pipelines.generate.registry import built_engine

    settings = engine_settings(session)
    samplers = RunSamplers(session.workspace, partial(built_engine, **settings))
    spec = _spec(session, loaded, problems, {**settings, "samplers": samplers})
    return OpenRun(session, spec, samplers=samplers, began=began)


@contextmanager
def paid_samplers(session: Session, run: str) -> "Iterator[RunSamplers]":
    """Samplers whose requests a run pays for, within the limit of the session's job; models are released at the end."""
    from rollmill.flows.sampling.charges import Account
    from rollmill.flows.sampling.sample import RunSamplers
    from rollmill.flows.sampling.spend_limiter import SpendLimiter
    from rollmill.pipelines.generate.registry import built_engine

    prices = session.profile.prices
    # Problems are written before their run exists; the limit is that of the run which will draw for them.
    account = Account(run, limit_of(session.job, session.profile), None if prices is None else prices.exact())
    samplers = RunSamplers(session.workspace, partial(built_engine, **engine_settings(session)))
    samplers.charge(SpendLimiter(session.workspace, account))
    try:
        yield samplers
    finally:
        samplers.close()


def engine_settings(session: Session) -> dict[str, Any]:
    """Profile settings of engines and verifiers."""
    profile = session.profile
    return {"threads": profile.threads, "workers": profile.workers, "http": _http(session), "vllm": _vllm(session)}


def _spec(session: Session, loaded: LoadedRecipe, problems: RecipeProblems, settings: dict[str, Any]) -> "RunSpec":
    from rollmill.flows.rounds import QueueLimits, RunSpec

    recipe, profile, workspace = loaded.recipe, session.profile, session.workspace
    imports = imports_taken(workspace, loaded)
    drawing = [(step.engine, step.generate.batch_size) for step in loaded.steps if step.engine is not None]
    # The most of any step, as the steps of a round share the workers.
    workers = max((draw_workers(method.cls, size, settings) for method, size in drawing), default=1)
    return RunSpec(
        problem_set=problems,
        steps=_steps(session, loaded, Examples(workspace, loaded, problems.problems)),
        verifiers=[_verifier(session, method, settings) for method in loaded.verifiers],
        budget=loaded.budget.build(**settings),
        selector=loaded.selector.build(),
        recipe_seed=recipe.seed,
        # The stream is part of seeds and ids, so another number draws everything anew.
        stream=redrawn(loaded.stream, recipe.generate.redraw),
        imports=imports,
        imported=_imported(workspace, imports, problems) if _goes_by_imported_votes(loaded) else "",
        scorers=[method.build(**settings) for method in loaded.scorers],
        accept=loaded.accept.build(),
        planned_under=None if loaded.planned_under is None else loaded.planned_under.build(),
        # One batch beyond those that are drawn may wait for its commit, three for their verdicts.
        limits=QueueLimits(draw_workers=workers, uncommitted=workers + 1, unjudged=workers + 3),
        prices=None if profile.prices is None else profile.prices.exact(),
        limit=limit_of(session.job, profile),
        loaded=loaded,
    )


def _imported(workspace: "Workspace", imports: Sequence[str], problems: RecipeProblems) -> str:
    from rollmill.storage.imports.stored import imported_rows

    return digest_of_imports(imported_rows(workspace, imports, problems.problems, problems.left_out))


def _goes_by_imported_votes(loaded: LoadedRecipe) -> bool:
    """True if verdicts depend on votes over imported rollouts, so that the set of imports decides them."""
    return loaded.takes_imports and any(issubclass(method.cls, ReadsVotes) for method in loaded.verifiers)


def _verifier(session: Session, method: MethodSpec, settings: dict[str, Any]) -> Callable[[], Any]:
    return partial(method.build, **settings) if session.ray is None else partial(on_ray, method, session.ray, settings)


def draw_workers(engine: type[Any], batch_size: int, settings: Mapping[str, Any]) -> int:
    """Batches of an engine that are drawn side by side: twice its capacity, so that it never waits for a batch's last."""
    capacity = engine.capacity(settings) if issubclass(engine, DrawsSideBySide) else 0
    return min(MOST_DRAW_WORKERS, -(-2 * capacity // batch_size) + 1)


def _steps(session: Session, loaded: LoadedRecipe, examples: Examples) -> "list[Step]":
    from rollmill.flows.sampling.steps import Step

    return [
        Step(
            step.node,
            None if step.engine is None else _engine(session, step.engine),
            step.sampling(),
            examples.form_of(step.generate),
            step.generate.batch_size,
            step.generate.options.get("system"),
        )
        for step in loaded.steps
    ]


def _engine(session: Session, method: MethodSpec) -> Callable[[], Any]:
    """Factory of an engine; equal methods get the same factory, so that steps and runs of a session share one engine."""
    # The key is the method without paths: it is the same wherever the workspace lies.
    build = with_places(method, session.workspace.root).build
    return session.factories.setdefault(canonical_json(method.canonical()), partial(build, **engine_settings(session)))


def _vllm(session: Session) -> "VllmSettings":
    """Profile settings of the engine `vllm`, with a log in the workspace."""
    return session.profile.vllm.settings(session.workspace.root / ".rollmill" / "logs" / "vllm.log")


def _http(session: Session) -> "HttpSettings | None":
    """Profile settings of servers, for engines that use them."""
    from rollmill.flows.recipe.servers import http_settings

    profile = session.profile
    if not profile.servers and not profile.serve:
        return None
    return replace(http_settings(profile.servers, profile.http, profile.prices), local=session.servers)
