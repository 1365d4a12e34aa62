"""What a recipe's names stand for in a workspace under a profile: engines, verifiers, methods, limits."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import CHECKOUT
from flows.imported import digest_of_imports, imports_taken
from flows.limits import limit_of
from flows.problems import RecipeProblems
from flows.ray_cluster import on_ray
from flows.recipe import LoadedRecipe, MethodSpec, Profile
from flows.recipe.schema import Generate
from flows.session import RecipeRun, Session
from flows.worked_examples import Examples
from pipelines.protocols import ReadsVotes
from storage.errors import SetupError
from storage.ids import canonical_json
from storage.records import Sampling, redrawn

if TYPE_CHECKING:
    from flows.rounds import RunSpec
    from flows.sampling.sample import Samplers
    from flows.sampling.steps import Step
    from pipelines.generate.http.http_settings import HttpSettings
    from pipelines.generate.vllm.vllm_settings import VllmSettings


def recipe_run(session: Session, problems: RecipeProblems) -> RecipeRun:
    """The run of a session's recipe with these problems; it has no id yet. Builds no engine; the caller closes it."""
    from flows.rounds import OpenRun
    from flows.sampling.sample import Samplers
    from pipelines.generate.registry import built_engine

    settings = engine_settings(session)
    samplers = Samplers(session.workspace, partial(built_engine, **settings))
    spec = _spec(session, problems, {**settings, "samplers": samplers})
    run = OpenRun(spec, samplers=samplers, on_event=session.progress, engines=session.engines)
    return RecipeRun(session, problems, run)


@contextmanager
def paid_samplers(session: Session, run: str) -> "Iterator[Samplers]":
    """Samplers whose requests a run pays for, within the limit of the session's job; models are released at the end."""
    from flows.sampling.charges import Account
    from flows.sampling.sample import Samplers
    from flows.sampling.spend_limiter import SpendLimiter
    from pipelines.generate.registry import built_engine

    prices = session.profile.prices
    account = Account(run, limit_of(session.job, session.profile), None if prices is None else prices.exact())
    samplers = Samplers(session.workspace, partial(built_engine, **engine_settings(session)))
    samplers.charge(account, SpendLimiter(session.workspace, account))
    try:
        yield samplers
    finally:
        samplers.close()


def engine_settings(session: Session) -> dict[str, Any]:
    """What the profile says of engines and verifiers."""
    profile = session.profile
    return {"threads": profile.threads, "workers": profile.workers, "http": _http(session), "vllm": _vllm(session)}


def _spec(session: Session, problems: RecipeProblems, settings: dict[str, Any]) -> "RunSpec":
    from flows.rounds import Limits, RunSpec

    recipe, generate = session.loaded.recipe, session.loaded.recipe.generate
    profile, examples = session.profile, Examples(session.workspace, session.loaded, problems.problems)
    imports = imports_taken(session.workspace, session.loaded)
    workers = max((_draw_workers(profile, method, size) for method, size in _drawing(session.loaded)), default=1)
    return RunSpec(
        run="",
        problems=problems.problems,
        generator=None
        if session.loaded.steps or session.loaded.engine is None
        else _engine(session, session.loaded.engine),
        steps=_steps(session, examples),
        graph=session.loaded.graph if session.loaded.graph.follow_ups else None,
        verifiers=[_verifier(session, method, settings) for method in session.loaded.verifiers],
        budget=session.loaded.budget.build(**settings),
        selector=session.loaded.selector.build(),
        recipe_seed=recipe.seed,
        stream=redrawn(session.loaded.stream, generate.redraw),
        sampling=sampling_of(generate),
        batch_size=generate.batch_size,
        imports=imports,
        imported=digest_of_imports(session.workspace, imports, problems) if _goes_by_imported_votes(session.loaded) else "",
        left_out=problems.left_out,
        scorers=[method.build(**settings) for method in session.loaded.scorers],
        accept=session.loaded.accept.build(),
        planned_under=None if session.loaded.planned_under is None else session.loaded.planned_under.build(),
        limits=Limits(draw_workers=workers, uncommitted=workers + 1, unjudged=workers + 3),
        prices=None if profile.prices is None else profile.prices.exact(),
        limit=limit_of(session.job, profile),
        form=examples.form_of(generate),
    )


def _goes_by_imported_votes(loaded: LoadedRecipe) -> bool:
    """Whether verdicts go by votes on imported rollouts: which there are decides who is voted on."""
    return loaded.takes_imports and any(issubclass(method.cls, ReadsVotes) for method in loaded.verifiers)


def _verifier(session: Session, method: MethodSpec, settings: dict[str, Any]) -> Callable[[], Any]:
    return partial(method.build, **settings) if session.ray is None else partial(on_ray, method, session.ray, settings)


def _drawing(loaded: LoadedRecipe) -> list[tuple[MethodSpec, int]]:
    """The engines that may draw, with their batch sizes."""
    alone = [] if loaded.engine is None else [(loaded.engine, loaded.recipe.generate.batch_size)]
    steps = [(step.engine, step.generate.batch_size) for step in loaded.steps if step.engine is not None]
    return steps if loaded.steps else alone


def _draw_workers(profile: Profile, method: MethodSpec, batch_size: int) -> int:
    """How many draw batches of this engine side by side."""
    from flows.recipe.servers import as_servers, draw_workers_for

    if method.name == "vllm":
        return profile.vllm.draw_workers(batch_size)
    spooled = getattr(method.cls, "spooled", False)
    return draw_workers_for((*profile.servers, *as_servers(profile.serve)) if spooled else (), batch_size)


def sampling_of(generate: Generate) -> Sampling:
    """How the tokens of a section of the recipe are drawn."""
    return Sampling(generate.temperature, generate.top_p, generate.top_k, generate.max_tokens, tuple(generate.stop))


def _steps(session: Session, examples: Examples) -> "list[Step]":
    from flows.sampling.steps import Step

    return [
        Step(
            step.name,
            None if step.engine is None else _engine(session, step.engine),
            sampling_of(step.generate),
            examples.form_of(step.generate),
            step.generate.batch_size,
            step.node,
        )
        for step in session.loaded.steps
    ]


def _engine(session: Session, method: MethodSpec) -> Callable[[], Any]:
    """What builds an engine; the same for equal methods, so that steps, and the runs of a session, share one."""
    return session.factories.setdefault(canonical_json(method.canonical()), _factory(session, method))


def _factory(session: Session, method: MethodSpec) -> Callable[[], Any]:
    if method.name == "vllm":
        here = replace(method, options=placed_options(method.options, session.workspace.root))
        return partial(here.build, vllm=_vllm(session))
    place = method.options.get("model")
    if place is None or method.name != "embedded":
        return partial(method.build, threads=session.profile.threads, http=_http(session))
    model = find_model(str(place), session.workspace.root)

    def load() -> Any:
        try:
            return method.cls(**{**method.options, "model": str(model)}, threads=session.profile.threads)
        except (ValueError, TypeError) as error:
            raise SetupError(f"engine {method.name!r}: {error}") from None

    return load


def _vllm(session: Session) -> "VllmSettings":
    """What the profile says of the engine `vllm`, with a log in the workspace."""
    return session.profile.vllm.settings(session.workspace.root / ".rollmill" / "logs" / "vllm.log")


def placed_options(options: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The options with what names a place in the workspace as a full path; a model may also be a mere name."""
    places = {key: root / str(options[key]) for key in ("model", "lora", "chat_template") if options.get(key)}
    return {**options, **{key: str(place) for key, place in places.items() if _exists(place)}}


def _exists(place: Path) -> bool:
    """A chat template may be given as text, which no file can have as its name."""
    with suppress(OSError, ValueError):
        return place.exists()
    return False


def _http(session: Session) -> "HttpSettings | None":
    """What the profile says of servers, for engines that have some."""
    from flows.recipe.servers import http_settings

    profile = session.profile
    if not profile.servers and not profile.serve:
        return None
    return replace(http_settings(profile.servers, profile.http, profile.prices), local=session.servers)


def find_model(place: str, root: Path) -> Path:
    """A model's folder: as given, in the workspace, or shipped with the program."""
    for candidate in (root / place, CHECKOUT / place):
        if candidate.is_dir():
            return candidate
    raise SetupError(
        f"no model folder {place} in the workspace {root} or shipped with Rollmill.",
        next_command=f"rollmill train --out {place}, or --set generate.model=FOLDER",
    )
