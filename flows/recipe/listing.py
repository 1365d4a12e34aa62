"""Recipes in a folder, with the command that runs each."""

from dataclasses import dataclass
from pathlib import Path

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.parse import kind_of_file, read_yaml
from rollmill.ground.errors import SetupError


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A file of any kind of recipe. `command`: the words that run it."""

    path: Path
    name: str
    command: str


def recipe_files(folder: Path) -> list[RecipeFile]:
    """The files under recipes/ that declare their kind, by path; the program's own if the folder has no recipes/."""
    root = folder if (folder / "recipes").is_dir() else CHECKOUT
    files = []
    for path in sorted((root / "recipes").rglob("*.yaml")):
        try:
            data, _ = read_yaml(path, "recipes")
        except SetupError:
            continue  # `recipe check` names the mistake
        command = kind_of_file(data)
        if command is not None:
            files.append(RecipeFile(path, str(data.get("name", path.stem)), command.format(path=path)))
    return files
