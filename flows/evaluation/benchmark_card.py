"""The card of a benchmark: its definition, and its problems in this workspace.

Problems by split with levels, skills and lengths, the checker with its version, and the first prompt as sent.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rollmill.flows.problems import preview_problems
from rollmill.flows.recipe.benchmarks import Definition, definition_digest, definition_path, load_definition
from rollmill.flows.recipe.load import LoadedRecipe, resolve_recipe
from rollmill.flows.recipe.schema import Recipe
from rollmill.flows.worked_examples import Examples
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.records import Problem, prompt_json
from rollmill.storage.workspace import Workspace

Row = dict[str, Any]


def benchmark_card(workspace: Workspace, named: str, base: Path) -> Row:
    """The card as JSON values. Where problems or examples are not here, `missing` says what brings them."""
    definition = load_definition(named, base)
    loaded = definition_recipe(definition, definition_path(named, base).parent)
    card = {
        "name": definition.name,
        "about": definition.about,
        "origin": definition.origin,
        "licence": definition.licence,
        "definition_sha256": definition_digest(named, base),
        "columns": []
        if definition.read is None
        else [place.replace("|", " or ") for place in definition.read.layout(definition.name).required()],
        "file_sha256": [] if definition.read is None else list(definition.read.sha256),
        "verify": _checkers(loaded),
        "asked": definition.asks(),
        "source": definition.problems(),
        "files": _files(workspace, definition),
    }
    splits, first, missing = {}, None, None
    try:
        # Without the definition's split, as the card counts the problems of every split.
        every = preview_problems(
            workspace, definition_recipe(definition.model_copy(update={"split": None}), loaded.base)
        ).problems
        names = sorted({problem.split for problem in every})
        splits = {name: _description([problem for problem in every if problem.split == name]) for name in names}
        problems = preview_problems(workspace, loaded).problems
        form = Examples(workspace, loaded, problems).form_of(loaded.recipe.generate)
        first = prompt_json(form.prompt_for(problems[0]))
    except SetupError as error:
        missing = str(error)
    return {**card, "splits": splits, "first": first, "missing": missing}


def definition_recipe(definition: Definition, base: Path) -> LoadedRecipe:
    """The definition as a recipe that draws nothing yet."""
    data = {
        "recipe_schema": 1,
        "name": definition.name,
        "problems": definition.problems(),
        "generate": definition.asks(),
        "verify": [part.model_dump(mode="json") for part in definition.verify],
        **({} if definition.accept is None else {"accept": definition.accept.model_dump(mode="json", exclude_none=True)}),
    }
    return resolve_recipe(Recipe.model_validate(data), base=base)


def _checkers(loaded: LoadedRecipe) -> list[Row]:
    rows = []
    for method in loaded.verifiers:
        # Built, since a version may depend on options and on installed libraries.
        verifier = method.build()
        rows.append({"method": verifier.name, "version": verifier.version, "options": dict(method.options)})
        verifier.close()
    return rows


def _files(workspace: Workspace, definition: Definition) -> list[Row]:
    """The files that its problems were imported from, with what the import noted about them."""
    # An unused workspace has no ledger yet, and looking at a card must not make one.
    name, imports = definition.problems().get("imported"), [] if workspace.unused else workspace.imports.list()
    records = [record for record in imports if record.name == name and record.kind == "problems"]
    return [{"file": Path(record.file).name, "rows": record.rows, "notes": list(record.notes)} for record in records]


def _description(problems: Sequence[Problem]) -> Row:
    """Counts of problems by level and skill, their lengths in characters, and the right letters of choices."""
    lengths = [len(plain_text(problem.prompt)) for problem in problems]
    # Uneven letters reward a model that always gives the same one.
    letters = Counter(problem.reference for problem in problems if problem.kind == "choice")
    return {
        "problems": len(problems),
        "characters": {"least": min(lengths), "median": median(lengths), "most": max(lengths)},
        "levels": _counts(problem.level for problem in problems),
        "skills": _counts(problem.skill for problem in problems),
        "right_letters": dict(sorted(letters.items())),
    }


def _counts(values: Any) -> dict[str, int]:
    counted = Counter(value for value in values if value is not None)
    # Sorted as values and not as texts: level 10 comes after level 2.
    return {str(value): counted[value] for value in sorted(counted)}
