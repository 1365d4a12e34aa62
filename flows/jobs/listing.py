"""Recipes of a folder and of the program, with the command that runs each."""

from dataclasses import dataclass
from pathlib import Path

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.parse import kind_of_file, read_yaml
from rollmill.flows.recipe.shipped import shipped_recipes
from rollmill.ground.errors import SetupError


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A file of any kind of recipe. `command`: the words that run it. `place`: its path in the folder, where it may not be
    yet; `fetched_by` is then the command that brings it.
    """

    path: Path
    place: Path
    name: str
    command: str
    fetched_by: str = ""


def recipe_files(folder: Path) -> list[RecipeFile]:
    """The files under recipes/ that declare their kind, by path; the program's own if the folder has no recipes/."""
    root = folder if (folder / "recipes").is_dir() else CHECKOUT
    return [file for path in sorted((root / "recipes").rglob("*.yaml")) if (file := _declared(path, path)) is not None]


def absent_recipes(folder: Path) -> list[RecipeFile]:
    """The recipes that come with the program and are not in this folder, by place."""
    files = [
        _declared(CHECKOUT / place, Path(place), f"rollmill recipe get {name}")
        for name, place in shipped_recipes().items()
        if not (folder / place).exists()
    ]
    return [file for file in files if file is not None]


def _declared(path: Path, place: Path, fetched_by: str = "") -> RecipeFile | None:
    """A file by its content; None if it declares no kind."""
    try:
        data, _ = read_yaml(path, "recipes")
    except SetupError:
        return None  # `recipe check` names the mistake
    command = kind_of_file(data)
    if command is None:
        return None
    return RecipeFile(path, place, str(data.get("name", path.stem)), command.format(path=place), fetched_by)
