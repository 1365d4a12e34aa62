"""`rollmill recipe check|show`: whether a recipe is sound, and all that it means. Knows no workspace."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.output import AsJson, as_json, line, note
from flows.cli.program import group

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one key, generate.max_tokens=64 for one; may be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    verbs = group("recipe", "Check a recipe, or show it with every default.")
    verbs.command("check")(check)
    verbs.command("show")(show)
    app.add_typer(verbs)


def check(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Say whether the recipe can run here: keys, names, options and values, its model, imported sets, files and sandbox.

    Example: rollmill recipe check recipes/arithmetic.yaml --set budget.options.cap=32
    """
    from flows.recipe import load_recipe

    loaded = load_recipe(recipe, sets=sets or ())

    from flows.recipe_check import check_recipe

    notes = check_recipe(loaded)
    if json:
        return as_json({"recipe": loaded.recipe.name, "recipe_hash": loaded.recipe_hash, "ok": True, "notes": notes})
    for text in notes:
        note(f"{recipe}: {text}")
    return line(f"{recipe} is sound. recipe_hash {loaded.recipe_hash[:16]}. Next: rollmill curate {recipe}")


def show(recipe: RecipePath, sets: Sets = None, *, json: AsJson = False) -> None:
    """Print the recipe with every default filled in, and its hash.

    Example: rollmill recipe show recipes/arithmetic.yaml
    """
    import yaml

    from flows.recipe import load_recipe

    loaded = load_recipe(recipe, sets=sets or ())
    if json:
        return as_json({"recipe_hash": loaded.recipe_hash, "recipe": loaded.shown()})
    line(f"# recipe_hash: {loaded.recipe_hash}")
    return line(yaml.safe_dump(loaded.shown(), sort_keys=False, allow_unicode=True).rstrip())
