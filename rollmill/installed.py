"""Entry points of installed packages: methods, kinds of jobs, verbs and pages that each brings, found without an import."""

import site
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from rollmill.ground.errors import SetupError
from rollmill.places import IMPORT_ROOT

PRODUCT = "rollmill"


class Importer(Protocol):
    """Function that imports a module by its dotted name."""

    def __call__(self, name: str, /) -> ModuleType: ...


@cache
def entry_points() -> Mapping[str, Mapping[str, Sequence[EntryPoint]]]:
    """The entry points of the groups `rollmill.GROUP`, by group and name, read once in a process."""
    groups: dict[str, dict[str, list[EntryPoint]]] = {}
    # A folder that the current one or a recipe put on the path may hold metadata that came with a clone.
    installed = distributions(path=_install_paths())
    brings = [dist for dist in installed if f"[{PRODUCT}." in (dist.read_text("entry_points.txt") or "")]
    # The first of a name on the path is the one that is imported.
    packages = {dist.name: dist for dist in reversed(brings)}
    for point in (point for dist in packages.values() for point in dist.entry_points):
        product, _, group = point.group.partition(".")
        if product == PRODUCT:
            groups.setdefault(group, {}).setdefault(point.name, []).append(point)
    return groups


def _install_paths() -> list[str]:
    """The folders of the import path that packages are installed in: neither the current folder nor one of a workspace."""
    installed = {IMPORT_ROOT, *(Path(place).resolve() for place in (*site.getsitepackages(), site.getusersitepackages()))}
    here = Path.cwd()

    def brought(place: Path) -> bool:
        return place == here or any((up / "rollmill.toml").is_file() for up in (place, *place.parents))

    return [entry for entry in sys.path if (place := Path(entry or ".").resolve()) in installed or not brought(place)]


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that has an entry point."""
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def only_point(group: str, name: str, *, product: bool) -> EntryPoint | None:
    """The entry point of a name in a group; SetupError if two packages have the name, or one and the product."""
    points = entry_points().get(group, {}).get(name, ())
    require_one(group.removesuffix("s"), name, [*([PRODUCT] if product else []), *map(package_of, points)])
    return points[0] if points else None


def require_one(what: str, name: str, sources: Sequence[str]) -> None:
    """SetupError for a name that several sources have: the product, or packages with their versions."""
    if len(sources) > 1:
        raise SetupError(
            f"{what} {name!r} is in {' and in '.join(sources)}.",
            next_command=f"pip uninstall {sources[-1].split()[0]}, or an entry point of another name in that package",
        )


def load(what: str, point: EntryPoint, wanted: type, words: str, importer: Importer = import_module) -> Any:
    """The object that an entry point names; SetupError, with the package, unless it can be imported and is of type
    `wanted`, in words `words`.
    """
    try:
        value: Any = importer(point.module)
        for attribute in point.attr.split(".") if point.attr else ():
            value = getattr(value, attribute)
        problem = None if isinstance(value, wanted) else f"{point.value} is not {words}"
    except Exception as error:  # the package's code may raise anything
        problem = str(error)
    if problem is None:
        return value
    package = package_of(point)
    name = package.split()[0]
    raise SetupError(
        f"{what} {point.name!r} of the package {package}: {problem}.",
        next_command=f"pip install --upgrade {name}, or pip uninstall {name}",
    )
