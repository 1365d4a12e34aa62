"""Files of the user's own that methods of a recipe lie in: kept in a version's manifest, taken from there to judge again.

A version is judged again by what made it, wherever the recipe lay, and whatever became of its files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.user_code import NotLoaded, load_module, source_of
from storage.ids import sha256_text

DIGEST = "source_sha256"
_NAMES = ("method", "synthesize", "engine")  # the keys that name a method


def files_of(recipe: Any, base: Path) -> dict[str, dict[str, str]]:
    """Name and text of every file that a canonical recipe's methods lie in, by digest."""
    files: dict[str, dict[str, str]] = {}
    for part in _own_methods(recipe):
        place = part[_named_by(part)].rpartition(":")[0]
        try:
            path = source_of(load_module(place, base))
        except NotLoaded:  # it was there when the recipe was read
            continue
        text = "" if path is None else path.read_text(encoding="utf-8")
        if sha256_text(text) == part[DIGEST]:
            files[part[DIGEST]] = {"file": place, "text": text}
    return files


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


def _own_methods(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if _named_by(value):
            yield value
        for item in value.values():
            yield from _own_methods(item)
    elif isinstance(value, list):
        for item in value:
            yield from _own_methods(item)


def _named_by(value: Mapping[str, Any]) -> str:
    """The key by which a part of a recipe names a method in a file of the user's own; "" where it names none."""
    own = isinstance(value.get(DIGEST), str)
    return next((key for key in _NAMES if own and ":" in str(value.get(key))), "")
