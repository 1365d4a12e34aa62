"""Recipes as files of a workspace, with the recipe of a version among them, and the profiles to run them under."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.errors import SetupError
from rollmill.kind import Kind
from rollmill.kinds import FIRST, kinds
from rollmill.storage.queries.reader import Reader, version_manifest
from rollmill.storage.queries.schedules import recipe_files


def recipe_kinds(reader: Reader) -> dict[str, Kind]:
    """The recipe files of the workspace of every kind that a page starts, as paths in it, with the kind of each."""
    marks = {f"{kind.recipe.key}:": kind for kind in kinds() if kind.recipe is not None and kind.form is not None}
    known: dict[str, Kind] = {}
    for name in recipe_files(reader, tuple(marks)):
        try:
            lines = (reader.root / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:  # it was deleted since
            continue
        marked = (kind for mark, kind in marks.items() if any(line.startswith(mark) for line in lines))
        known[name] = next(marked, FIRST)
    return known


def profile_files(reader: Reader) -> list[str]:
    """The profiles of the workspace, as paths in it."""
    return sorted(f"profiles/{path.name}" for path in (reader.root / "profiles").glob("*.yaml"))


def recipe_stamp(reader: Reader, name: str) -> tuple[tuple[str, int], ...]:
    """Stamp of a recipe and of the files in its folder that it may name: equal stamps mean the same recipe."""
    folder = (reader.root / name).parent
    files = [*folder.glob("*.py"), *folder.glob("*.yaml"), *(reader.root / "profiles").glob("*.yaml")]
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in files if path.is_file()))


@dataclass(frozen=True, slots=True)
class VersionOrigin:
    """Recipe of a version. `path`, `sets`: the file and the overrides that its run was begun with, where that file is in
    this workspace. `copy`: the file for a copy of the recipe, next to the Python files that it may name.
    """

    reference: str
    recipe_hash: str
    path: str | None
    sets: Sequence[str]
    copy: str


def version_origin(reader: Reader, reference: str) -> VersionOrigin:
    """The recipe of a version; SetupError for an unknown one."""
    from rollmill.storage.versions.resolve import resolve

    info = resolve(reader.datasets, reference)
    path, sets = _begun_with(reader, str(version_manifest(reader, reference).get("run", "")))
    folder = Path(path).parent if path is not None else Path("recipes")
    copy = str(folder / f"{info.name}-v{info.number}.yaml")
    return VersionOrigin(info.ref, info.recipe_hash, path, sets, copy)


def _begun_with(reader: Reader, run: str) -> tuple[str | None, Sequence[str]]:
    """The recipe file, as a path in the workspace, and the overrides of a run's command; None if it is not here."""
    try:
        job = reader.runs.get(run).recipe.get("job")
    except SetupError:  # of another clone
        return None, ()
    if job is None or not Path(job["recipe"]).is_relative_to(job["workspace"]):
        return None, ()
    inside = Path(job["recipe"]).relative_to(job["workspace"])  # a copy of a workspace has its own files
    return (str(inside), tuple(job["sets"])) if (reader.root / inside).is_file() else (None, ())
