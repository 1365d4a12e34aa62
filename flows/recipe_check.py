"""Whether a recipe can run here: its model, its sets and source, verifiers and policy. Draws, judges and writes nothing.

The recipe's own text is checked by flows.recipe; this is about what its names stand for in a workspace and on a machine.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.imported import imports_taken
from flows.problem_sets import imported_problems, of_split, version_problems
from flows.problem_sources import source_scope
from flows.problems import held_out
from flows.recipe import LoadedRecipe, MethodSpec
from flows.recipe.methods import FROM
from flows.run_spec import find_model, placed_options
from flows.worked_examples import Examples
from pipelines.generate.registry import MODEL_FREE
from pipelines.protocols import NeedsMachine
from pipelines.verify.acceptance import check_names
from storage.errors import SetupError, unknown_name
from storage.imports.stored import names_of

if TYPE_CHECKING:
    from storage.segments.schema import Kind
    from storage.workspace import Workspace


def check_recipe(loaded: LoadedRecipe) -> list[str]:
    """What could not be looked at, as lines for a person: the recipe is not known to be sound where there are some.

    SetupError for the first thing that would stop a run.
    """
    from storage.workspace import Workspace

    _check_verifiers(loaded)
    for method in loaded.scorers:
        method.build()  # opens the model that it asks, where it asks one; asks nothing
    try:
        workspace = Workspace.open(loaded.base.resolve())
    except SetupError:
        _check_model(loaded, Path.cwd())
        return [f"outside of a workspace: {name} was not looked for" for name in _in_workspace(loaded)]
    with workspace:
        _check_model(loaded, workspace.root)
        for kind, names in _imports(loaded):
            _check_imported(workspace, kind, names)
        _check_problem_sets(workspace, loaded)
        imports_taken(workspace, loaded)
        if loaded.synthesizer is not None and loaded.synthesizer.takes_source:
            source_scope(workspace, str(loaded.synthesizer.options[FROM]))
        held_out(workspace, loaded)
    return []


def _check_verifiers(loaded: LoadedRecipe) -> None:
    """Build each, ask it whether this machine has what it needs, and whether the policies count on verifiers there are."""
    with ExitStack() as stack:
        verifiers = []
        for method in loaded.verifiers:
            verifier = method.build()
            stack.callback(verifier.close)
            if isinstance(verifier, NeedsMachine):
                verifier.ready()  # a sandbox, where it needs one
            verifiers.append(verifier.name)
        for policy in (loaded.accept, loaded.planned_under):
            if policy is not None:
                check_names(policy.build(), verifiers)


def _check_model(loaded: LoadedRecipe, root: Path) -> None:
    for method in loaded.engines():
        _check_engine(method, root)


def _check_engine(method: MethodSpec, root: Path) -> None:
    if method.name == "embedded":
        find_model(str(method.options["model"]), root)
    if method.name == "openai" or method.name in MODEL_FREE:
        method.build()  # checks the options; no server is asked
    if method.name == "vllm":
        replace(method, options=placed_options(method.options, root)).build()  # finds the model; starts nothing


def _check_problem_sets(workspace: "Workspace", loaded: LoadedRecipe) -> None:
    """Whether the version that problems are taken of, their split, and the sets of worked examples are there."""
    part = loaded.recipe.problems
    sections = [step.generate for step in loaded.steps] or [loaded.recipe.generate]
    shown = [generate for generate in sections if generate.examples_from is not None]
    given = part.imported or part.version
    problems = []
    if given is not None and (part.version is not None or part.split is not None or shown):
        read = imported_problems if part.imported is not None else version_problems
        problems = of_split(read(workspace, given), part.split, given)[: part.count]
    for generate in shown:
        Examples(workspace, loaded, problems).form_of(generate)


def _imports(loaded: LoadedRecipe) -> "list[tuple[Kind, Sequence[str]]]":
    """The names of imported sets, of problems and of rollouts."""
    named = (loaded.recipe.problems.imported, *(part.imported for part in loaded.recipe.evaluation))
    sets: list[tuple[Kind, Sequence[str]]] = [("problems", [name]) for name in named if name is not None]
    return sets + ([("completions", loaded.recipe.generate.imports)] if loaded.recipe.generate.imports else [])


def _in_workspace(loaded: LoadedRecipe) -> list[str]:
    """What a recipe takes out of a workspace, in words."""
    words = {"problems": "the problem set", "completions": "the import of rollouts"}
    named = [f"{words[kind]} {name!r}" for kind, names in _imports(loaded) for name in names]
    if loaded.recipe.generate.engine == "imported" and not loaded.recipe.generate.imports:
        named.append("an import of rollouts")
    shown = [section.generate.examples_from for section in loaded.steps] or [loaded.recipe.generate.examples_from]
    versions = [loaded.recipe.problems.version, *(part.version for part in shown if part is not None)]
    named += [f"the dataset version {name!r}" for name in versions if name is not None]
    if loaded.synthesizer is not None and loaded.synthesizer.takes_source:
        named.append(f"the source {str(loaded.synthesizer.options[FROM])!r}")
    return list(dict.fromkeys(named))


def _check_imported(workspace: "Workspace", kind: "Kind", names: Iterable[str]) -> None:
    known = names_of(workspace.segments, kind)
    what = "problems" if kind == "problems" else "rollouts"
    for name in names:
        if name not in known:
            raise unknown_name(
                f"imported set of {what}", name, known, next_command=f"rollmill import {what} FILE --name {name}"
            )
