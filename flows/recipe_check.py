"""Check that a recipe can run here: its model, problem sets, source, verifiers and policy. Read-only.

rollmill.flows.recipe checks the text of the recipe; this module checks what its names refer to in a workspace and on a
machine.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.flows.problem_sets import imported_problems, of_split, version_problems
from rollmill.flows.problem_sources import source_scope
from rollmill.flows.problems import check_held_out
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.methods import FROM
from rollmill.flows.recipe.step_rules import LoadedStep
from rollmill.flows.session import with_places
from rollmill.flows.taken_imports import imports_taken
from rollmill.flows.worked_examples import Examples
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.verify.acceptance import check_names
from rollmill.roles.engine_roles import ChecksSampling
from rollmill.roles.protocols import NeedsMachine

if TYPE_CHECKING:
    from rollmill.flows.recipe.evaluations import LoadedEvaluationRecipe
    from rollmill.storage.segments.keys import Kind
    from rollmill.storage.workspace import Workspace


def check_recipe(loaded: LoadedRecipe) -> list[str]:
    """Parts of the recipe that could not be checked, as lines of text; with none, the recipe is known to be sound.

    SetupError for the first thing that would stop a run.
    """
    # Without a workspace: a verifier needs the machine alone.
    _check_verifiers(loaded)
    for method in loaded.scorers:
        method.build()  # opens the model that it asks, where it asks one; asks nothing
    workspace = _workspace_of(loaded)
    if workspace is None:
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
        check_held_out(workspace, loaded)
    return []


def check_evaluation(evaluation: "LoadedEvaluationRecipe") -> list[str]:
    """Parts of an evaluation that could not be checked, of all its cells; SetupError for the first that would stop one."""
    return list(dict.fromkeys(text for cell in evaluation.cells for text in check_recipe(cell)))


def _workspace_of(loaded: LoadedRecipe) -> "Workspace | None":
    """The workspace of the current folder, in which a run would be, else that of the recipe's folder."""
    from rollmill.storage.workspace import Workspace

    for folder in (Path.cwd(), loaded.base.resolve()):
        with suppress(SetupError):
            return Workspace.open(folder)
    return None


def _check_verifiers(loaded: LoadedRecipe) -> None:
    """Build each method, check that this machine meets its needs, and that the policies name existing verifiers."""
    with ExitStack() as stack:
        verifiers = []
        for method in loaded.verifiers:
            verifier = method.build()
            # Closed also when a later one is refused.
            stack.callback(verifier.close)
            if isinstance(verifier, NeedsMachine):
                verifier.ready()  # a sandbox, where it needs one
            verifiers.append(verifier.name)
        for policy in (loaded.accept, loaded.planned_under):
            if policy is not None:
                check_names(policy.build(), verifiers)


def _check_model(loaded: LoadedRecipe, root: Path) -> None:
    for step in loaded.steps:
        if step.engine is None:
            continue
        _check_one_text(loaded, step)
        with closing(with_places(step.engine, root).build()) as engine:  # finds the model; asks no server
            if isinstance(engine, ChecksSampling):
                engine.check_sampling(step.sampling())


def _check_one_text(loaded: LoadedRecipe, step: LoadedStep) -> None:
    """SetupError for a first step whose draws of a problem would all be the likeliest text."""
    counts = {part.name: part.count for part in loaded.recipe.steps}
    draws = counts.get(step.name) or loaded.budget.build().prefix
    if step.generate.temperature == 0 and draws > 1 and not step.node.named:
        where = f"step {step.name!r}" if step.name else "generate"
        raise SetupError(
            f"{where} draws {draws} completions of each problem at temperature 0, which are one text.",
            next_command="a temperature above 0, or one completion of each problem (budget: {method: fixed, options: "
            "{initial: 1}})",
        )


def _check_problem_sets(workspace: "Workspace", loaded: LoadedRecipe) -> None:
    """Check that the version of the problems, their split, and the sets of worked examples exist."""
    part = loaded.recipe.problems
    shown = [step.generate for step in loaded.steps if step.generate.examples_from is not None]
    given = part.imported or part.version
    problems = []
    # A plain import was looked up by name; reading a large one would tell no more.
    if given is not None and (part.version is not None or part.split is not None or shown):
        read = imported_problems if part.imported is not None else version_problems
        # As many as are asked: an example beyond the count is not one of them.
        problems = of_split(read(workspace, given), part.split, given)[: part.count]
    for generate in shown:
        Examples(workspace, loaded, problems).form_of(generate)


def _imports(loaded: LoadedRecipe) -> "list[tuple[Kind, Sequence[str]]]":
    """The names of imported sets, of problems and of rollouts."""
    named = (loaded.recipe.problems.imported, *(part.imported for part in loaded.recipe.evaluation))
    sets: list[tuple[Kind, Sequence[str]]] = [("problems", [name]) for name in named if name is not None]
    return sets + ([("completions", loaded.recipe.generate.imports)] if loaded.recipe.generate.imports else [])


def _in_workspace(loaded: LoadedRecipe) -> list[str]:
    """Names of the sets and imports that a recipe takes from a workspace, in words."""
    words = {"problems": "the problem set", "completions": "the import of rollouts"}
    named = [f"{words[kind]} {name!r}" for kind, names in _imports(loaded) for name in names]
    if loaded.takes_imports and not loaded.recipe.generate.imports:
        named.append("an import of rollouts")
    shown = [step.generate.examples_from for step in loaded.steps]
    versions = [loaded.recipe.problems.version, *(part.version for part in shown if part is not None)]
    named += [f"the dataset version {name!r}" for name in versions if name is not None]
    if loaded.synthesizer is not None and loaded.synthesizer.takes_source:
        named.append(f"the source {str(loaded.synthesizer.options[FROM])!r}")
    return list(dict.fromkeys(named))


def _check_imported(workspace: "Workspace", kind: "Kind", names: Iterable[str]) -> None:
    from rollmill.storage.imports.stored import names_of

    known = names_of(workspace.segments, kind)
    what = "problems" if kind == "problems" else "rollouts"
    for name in names:
        if name not in known:
            raise unknown_name(
                f"imported set of {what}", name, known, next_command=f"rollmill import {what} FILE --name {name}"
            )
