"""Sources of a mixture, opened: the rows of a version or run, its manifest, and the problems that it may not contain."""

from dataclasses import dataclass
from typing import Any

from rollmill.flows.mixing.mix_recipe import LoadedMixture, MixSource
from rollmill.flows.problems import held_out_part
from rollmill.flows.recipe.load import as_recipe, loaded_evaluation
from rollmill.flows.recipe.schema import Evaluation
from rollmill.flows.recipe.user_files import StoredMethods, stored_methods
from rollmill.flows.training.run_source import run_snapshot
from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import recorded_steps
from rollmill.ground.records import Problem
from rollmill.pipelines.verify.acceptance import Policy, policy_part
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.read import fixed_prefix, load_manifest, load_snapshot
from rollmill.storage.versions.resolve import resolve as resolve_version
from rollmill.storage.versions.resolve import versions
from rollmill.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """Rows of a source. `ref`: the version or run in words. `identity`: SHA-256 of its rows.

    `policy`: the policy that accepted its outcomes. `apart`: the problems that its recipe holds out.
    """

    name: str
    ref: str
    snapshot: Snapshot
    identity: str
    policy: Policy
    apart: tuple[Problem, ...]

    @property
    def chain(self) -> tuple[tuple[str, str], ...]:
        """The verifiers in order, each with its version."""
        return tuple((part["name"], part["version"]) for part in self.snapshot.manifest["verifiers"])

    @property
    def prefix(self) -> int | None:
        """Completions of each problem fixed before any verdict; None if all count."""
        return fixed_prefix(self.snapshot.manifest)


def open_sources(ws: Workspace, loaded: LoadedMixture) -> list[OpenedSource]:
    """Every source in the recipe's order; SetupError for one that is not here, or that has named steps."""
    return [_opened(ws, loaded, name, source) for name, source in loaded.recipe.sources.items()]


def _opened(ws: Workspace, loaded: LoadedMixture, name: str, source: MixSource) -> OpenedSource:
    ref, snapshot = _version(ws, source) if source.run is None else (f"run {source.run}", run_snapshot(ws, source.run))
    recipe = snapshot.manifest["recipe"]
    if recorded_steps(recipe) or snapshot.threads.num_rows:
        raise SetupError(
            f"source {name!r}: {ref} has named steps, whose prompts a mixture would lose.",
            next_command="rollmill dataset export, and mix the files; or a source of one step",
        )
    if "verify" not in recipe:
        raise SetupError(f"source {name!r}: {ref} is a mixture itself.", next_command="name the sources of that mixture")
    # A run's rows are not published, so nothing has hashed them yet.
    identity = snapshot.manifest.get("hashes", {}).get("content") or content_hash(snapshot)
    with stored_methods(ref, recipe, snapshot.manifest.get("user_files"), base=loaded.base) as methods:
        policy: Policy = methods.resolve("policy", policy_part(recipe)).build()
        apart = _held_out(ws, methods)
    return OpenedSource(name, ref, snapshot, identity, policy, apart)


def _held_out(ws: Workspace, methods: StoredMethods) -> tuple[Problem, ...]:
    """The held-out problems of a source's recipe: a mixture may not contain those of any of its sources.

    Nothing else of the recipe is loaded: its engine and verifiers may be somebody else's code.
    """
    problems: list[Problem] = []
    written = [Evaluation.model_validate(part) for part in as_recipe(methods.recipe).get("evaluation") or ()]
    for part, recorded in zip(written, methods.recipe.get("evaluation") or (), strict=True):
        method = None if part.synthesize is None else methods.resolve("synthesizer", recorded, "synthesize")
        if method is not None and method.asks_model:
            raise SetupError(f"the held-out problems of {methods.origin} are written by a model, and a mixture draws none.")
        problems += held_out_part(ws, loaded_evaluation(part, methods.base, method), None)
    return tuple(problems)


def _version(ws: Workspace, source: MixSource) -> tuple[str, Snapshot]:
    info = resolve_version(ws.datasets, source.version) if source.version else _of_import(ws, source.imported or "")
    return info.ref, load_snapshot(info)


def _of_import(ws: Workspace, name: str) -> Any:
    """The newest version whose run judged the rollouts of an import."""
    judged = [
        info
        for dataset in artifact_names(ws.datasets)
        for info in versions(ws.datasets, dataset)
        if info.yanked is None and name in {part["name"] for part in load_manifest(info).get("imports") or ()}
    ]
    if not judged:
        raise SetupError(
            f"no version has the rollouts imported as {name!r}: a mixture takes judged rows.",
            next_command=f"rollmill curate a recipe with problems: {{imported: {name}}} and generate: {{engine: imported}}",
        )
    # Name and number decide between versions of the same time.
    return max(judged, key=lambda info: (info.created_at, info.name, info.number))
