"""Methods by role and name: the product's own, and those of installed packages.

A package brings methods by entry points in the group of their role, for example `rollmill.verifiers`. They are listed
once in a process; a package's module is imported when one of its names is looked up.
"""

import ast
import site
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError
from rollmill.places import IMPORT_ROOT
from rollmill.roles.user_code import NotLoaded, import_named

PRODUCT = "rollmill"
SHELF = frozenset({"rollmill-proofs", "rollmill-reasoning"})
"""Packages of this repository (methods/). Name and version identify their methods, as they do the product's own."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Registry of a role's methods: the product's dictionary, and the group `rollmill.<kind>` of entry points."""

    kind: str
    module: str
    attribute: str


REGISTRIES: Mapping[str, Registry] = {
    "synthesizer": Registry("synthesizers", "rollmill.pipelines.synthesize", "SYNTHESIZERS"),
    "engine": Registry("engines", "rollmill.pipelines.generate.registry", "ENGINES"),
    "warp": Registry("warps", "rollmill.pipelines.generate.warps", "WARPS"),
    "decoder": Registry("decoders", "rollmill.pipelines.generate.decoders", "DECODERS"),
    "verifier": Registry("verifiers", "rollmill.pipelines.verify", "VERIFIERS"),
    "policy": Registry("policies", "rollmill.pipelines.verify.acceptance", "POLICIES"),
    "scorer": Registry("scorers", "rollmill.pipelines.score", "SCORERS"),
    "aggregator": Registry("aggregators", "rollmill.pipelines.aggregate", "AGGREGATORS"),
    "search policy": Registry("search_policies", "rollmill.pipelines.search", "POLICIES"),
    "process": Registry("processes", "rollmill.pipelines.search", "PROCESSES"),
    "allocator": Registry("allocators", "rollmill.pipelines.allocate", "ALLOCATORS"),
    "budget": Registry("budgets", "rollmill.pipelines.budget", "BUDGETS"),
    "selector": Registry("selectors", "rollmill.pipelines.select", "SELECTORS"),
    "guarantee": Registry("guarantees", "rollmill.pipelines.guarantees", "GUARANTEES"),
    "set method": Registry("set_methods", "rollmill.pipelines.mix", "SET_METHODS"),
    "learner": Registry("learners", "rollmill.pipelines.train.learners", "LEARNERS"),
    "loss": Registry("losses", "rollmill.pipelines.train.losses", "LOSSES"),
    "order": Registry("orders", "rollmill.pipelines.train.orders", "ORDERS"),
    "round policy": Registry("round_policies", "rollmill.pipelines.train.between", "ROUND_POLICIES"),
    "measure": Registry("measures", "rollmill.pipelines.train.measures", "MEASURES"),
}


@dataclass(frozen=True, slots=True)
class Methods(Mapping[str, Any]):
    """The methods of one role by name. Looking up a name that two sources define raises SetupError."""

    role: str
    product: Mapping[str, Any]
    installed: Mapping[str, Sequence[EntryPoint]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        sources = self.sources(name)
        if len(sources) > 1:
            raise SetupError(
                f"{self.role} {name!r} is in {' and in '.join(sources)}.",
                next_command=f"pip uninstall {sources[-1].split()[0]}, or an entry point of another name in that package",
            )
        return self.product[name] if name in self.product else _loaded(self.role, self.installed[name][0])

    # Mapping's own `in` calls __getitem__, which would import the method.
    def __contains__(self, name: object) -> bool:
        return name in self.product or name in self.installed

    def __iter__(self) -> Iterator[str]:
        yield from self.product
        yield from (name for name in self.installed if name not in self.product)

    def __len__(self) -> int:
        return len(list(iter(self)))

    def sources(self, name: str) -> list[str]:
        """`rollmill`, or name and version of a package, for each that has a method of this name."""
        own = [PRODUCT] if name in self.product else []
        return [*own, *(package_of(point) for point in self.installed.get(name, ()))]

    def docstrings(self, name: str) -> tuple[str, str]:
        """Docstrings of a method's module and of the method; those of a product's method are read without importing it."""
        place = self.product.place(name) if isinstance(self.product, ByName) and self.sources(name) == [PRODUCT] else None
        docstrings = None if place is None else _docstrings_at(place)
        if docstrings is None:
            method = self[name]
            docstrings = sys.modules[method.__module__].__doc__ or "", method.__doc__ or ""
        return docstrings

    def is_ours(self, name: str) -> bool:
        """True for a method of the product or of its own packages."""
        return name in self.product or (name in self.installed and _is_ours(self.installed[name][0]))

    def package(self, name: str) -> str | None:
        """Name and version of the package of others that brings the method; None for ours and for unknown names."""
        return None if self.is_ours(name) or name not in self.installed else package_of(self.installed[name][0])


def _docstrings_at(place: str) -> tuple[str, str] | None:
    """Docstrings of the module and of its class or function at `package.module:Name`; None if it is defined elsewhere."""
    module, _, attribute = place.partition(":")
    path = IMPORT_ROOT / f"{module.replace('.', '/')}.py"
    if not path.is_file():
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    node = next((node for node in defined if node.name == attribute), None)
    return None if node is None else (ast.get_docstring(tree) or "", ast.get_docstring(node) or "")


def registry(role: str) -> Methods:
    """The methods that one may name for a role."""
    place = REGISTRIES[role]
    return Methods(role, getattr(import_module(place.module), place.attribute), _installed().get(place.kind, {}))


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name in SHELF


def package_of(point: EntryPoint) -> str:
    """Name and version of the package that has an entry point."""
    return "an unknown package" if point.dist is None else f"{point.dist.name} {point.dist.version}"


@cache
def _installed() -> Mapping[str, Mapping[str, Sequence[EntryPoint]]]:
    """The entry points of all kinds of methods, by kind and name."""
    groups = {f"{PRODUCT}.{place.kind}": place.kind for place in REGISTRIES.values()}
    methods: dict[str, dict[str, list[EntryPoint]]] = {}
    # A folder that the current one or a recipe put on the path may hold metadata that came with a clone.
    installed = distributions(path=_install_paths())
    brings = [dist for dist in installed if f"[{PRODUCT}." in (dist.read_text("entry_points.txt") or "")]
    # The first of a name on the path is the one that is imported.
    packages = {dist.name: dist for dist in reversed(brings)}
    for point in (point for dist in packages.values() for point in dist.entry_points):
        if point.group in groups:
            methods.setdefault(groups[point.group], {}).setdefault(point.name, []).append(point)
    return methods


def _install_paths() -> list[str]:
    """The folders of the import path that packages are installed in: neither the current folder nor one of a workspace."""
    installed = {IMPORT_ROOT, *(Path(place).resolve() for place in (*site.getsitepackages(), site.getusersitepackages()))}
    here = Path.cwd()

    def brought(place: Path) -> bool:
        return place == here or any((up / "rollmill.toml").is_file() for up in (place, *place.parents))

    return [entry for entry in sys.path if (place := Path(entry or ".").resolve()) in installed or not brought(place)]


def _loaded(role: str, point: EntryPoint) -> Any:
    """The class that an entry point names."""
    package = package_of(point)
    try:
        value: Any = import_named(point.module)
        for attribute in point.attr.split(".") if point.attr else ():
            value = getattr(value, attribute)
    except (NotLoaded, AttributeError) as error:
        problem = f"{error}"
    else:
        if isinstance(value, type):
            return value
        problem = f"{point.value} is not a class"
    name = package.split()[0]
    raise SetupError(
        f"{role} {point.name!r} of the package {package}: {problem}.",
        next_command=f"pip install --upgrade {name}, or pip uninstall {name}",
    )
