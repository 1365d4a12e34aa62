"""A recipe file to a checked recipe with its methods resolved, its canonical form and its hash.

The hash covers the canonical JSON with every default filled in, those of the methods' constructors too, and the content of
the user's own files. Knows no workspace.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.recipe.methods import Resolved, parameters, registry, resolve
from flows.recipe.parse import parse
from flows.recipe.schema import Generate, Method, Recipe
from storage.errors import SetupError, unknown_name
from storage.ids import canonical_json, sha256_text

IMPORTED = "imported"  # the engine that draws nothing


@dataclass(frozen=True, slots=True)
class LoadedRecipe:
    """A recipe whose names and options all exist. `base` is the folder that the user's files are relative to."""

    recipe: Recipe
    base: Path
    synthesizer: Resolved | None
    engine: Resolved | None
    verifiers: tuple[Resolved, ...]
    scorers: tuple[Resolved, ...]
    budget: Resolved
    selector: Resolved
    evaluation: tuple[Resolved, ...]

    @property
    def recipe_hash(self) -> str:
        """SHA-256 of the canonical JSON, 64 hex digits."""
        return sha256_text(canonical_json(self.canonical()))

    def canonical(self) -> dict[str, Any]:
        """The recipe as plain JSON with every default written out."""
        data = self.recipe.model_dump(mode="json")
        data["problems"] = _with(data["problems"], self.synthesizer)
        data["generate"] = _with(data["generate"], self.engine)
        data["verify"] = [method.canonical() for method in self.verifiers]
        data["score"] = [method.canonical() for method in self.scorers]
        data["budget"], data["select"] = self.budget.canonical(), self.selector.canonical()
        data["evaluation"] = [_with(*pair) for pair in zip(data["evaluation"], self.evaluation, strict=True)]
        return data


def load_recipe(path: Path, *, sets: Sequence[str] = ()) -> LoadedRecipe:
    """The recipe of a file after `--set` overrides; SetupError in one line for any mistake in it."""
    recipe = parse(path, Recipe, {}, sets=sets)
    try:
        return resolve_recipe(recipe, base=path.parent)
    except SetupError as error:
        raise SetupError(f"{path}: {error.message}", choices=error.choices, next_command=error.next_command) from None


def resolve_recipe(recipe: Recipe, *, base: Path) -> LoadedRecipe:
    """The methods that a recipe names, each with its options checked and, where building is cheap, its values too."""
    problems, generate = recipe.problems, recipe.generate
    synthesizer = None
    if problems.synthesize is not None:
        synthesizer = resolve("synthesizer", problems.synthesize, problems.options, base=base)
    loaded = LoadedRecipe(
        recipe=recipe,
        base=base,
        synthesizer=synthesizer,
        engine=_engine(generate, base),
        verifiers=_all("verifier", recipe.verify, base),
        scorers=_all("scorer", recipe.score, base),
        budget=resolve("budget", recipe.budget.method, recipe.budget.options, base=base),
        selector=resolve("selector", recipe.select.method, recipe.select.options, base=base),
        evaluation=tuple(resolve("synthesizer", part.synthesize, part.options, base=base) for part in recipe.evaluation),
    )
    for method in (loaded.synthesizer, *loaded.evaluation, loaded.budget, loaded.selector, *loaded.scorers):
        if method is not None:
            method.build()
    return loaded


def _engine(generate: Generate, base: Path) -> Resolved | None:
    """The engine, its model among the options that its constructor gets."""
    name = generate.engine
    if name == IMPORTED:
        return None
    if ":" not in name and name not in registry("engine"):
        raise unknown_name("engine", name, [*registry("engine"), IMPORTED])
    if "model" in generate.options:
        raise SetupError("generate.options.model: the model is named by generate.model.")
    found = resolve("engine", name, generate.options, base=base)
    return replace(found, options={**found.options, "model": generate.model}) if "model" in parameters(found.cls) else found


def _all(role: str, methods: Sequence[Method], base: Path) -> tuple[Resolved, ...]:
    return tuple(resolve(role, item.method, item.options, base=base) for item in methods)


def _with(data: dict[str, Any], method: Resolved | None) -> dict[str, Any]:
    """A section that holds its method's name and options inline, with the options filled in."""
    if method is None:
        return data
    filled = {**data, "options": {key: value for key, value in method.options.items() if key not in data}}
    return filled if method.source_sha256 is None else {**filled, "source_sha256": method.source_sha256}
