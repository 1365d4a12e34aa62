"""User files and packages that hold methods of a recipe, as a version's manifest keeps them.

Files are taken from the manifest to judge again; a package is named with its version.

A version is judged again by the methods that made it, even if the recipe's files moved or changed.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flows.recipe.methods import DIGEST, PACKAGE
from pipelines.user_code import NotLoaded, load_module, source_of
from storage.ground.ids import sha256_text

_NAMES = ("method", "synthesize", "engine")  # the keys that name a method


def files_of(recipe: Any, base: Path) -> dict[str, dict[str, str]]:
    """Name and text of every file that holds a method of a canonical recipe, by digest."""
    files: dict[str, dict[str, str]] = {}
    for part in _parts_with(recipe, _named_by):
        place = part[_named_by(part)].rpartition(":")[0]
        try:
            path = source_of(load_module(place, base))
        except NotLoaded:  # it was there when the recipe was read
            continue
        text = "" if path is None else path.read_text(encoding="utf-8")
        if sha256_text(text) == part[DIGEST]:
            files[part[DIGEST]] = {"file": place, "text": text}
    return files


def packages_of(recipe: Any) -> list[str]:
    """Name and version of every package that a canonical recipe's methods come from."""
    return sorted({part[PACKAGE] for part in _parts_with(recipe, _packaged)})


def from_stored(recipe: Any, files: Mapping[str, Mapping[str, str]], folder: Path) -> Any:
    """The recipe with its methods in files of a folder, written there from what a manifest keeps."""
    for digest, file in files.items():
        if sha256_text(file["text"]) == digest and file["file"].endswith(".py"):
            (folder / f"{digest}.py").write_text(file["text"], encoding="utf-8")
    return _moved(recipe, folder)


def _moved(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_moved(item, folder) for item in value]
    if not isinstance(value, Mapping):
        return value
    moved = {key: _moved(item, folder) for key, item in value.items()}
    name = _named_by(value)
    if name and (path := folder / f"{value[DIGEST]}.py").exists():
        moved[name] = f"{path}:{value[name].rpartition(':')[2]}"
    return moved


def _parts_with(value: Any, wanted: Callable[[Mapping[str, Any]], object]) -> Iterator[Mapping[str, Any]]:
    """The mappings within a recipe of which this is true."""
    if isinstance(value, Mapping):
        if wanted(value):
            yield value
        for item in value.values():
            yield from _parts_with(item, wanted)
    elif isinstance(value, list):
        for item in value:
            yield from _parts_with(item, wanted)


def _packaged(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get(PACKAGE), str) and any(isinstance(value.get(key), str) for key in _NAMES)


def _named_by(value: Mapping[str, Any]) -> str:
    """The key by which a part of a recipe names a method in a file of the user's own; "" if it names none."""
    own = isinstance(value.get(DIGEST), str)
    return next((key for key in _NAMES if own and ":" in str(value.get(key))), "")
