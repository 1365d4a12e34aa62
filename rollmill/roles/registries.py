"""Methods by role and name: the product's own, and those of installed packages.

A package brings methods by entry points in the group of their role, for example `rollmill.verifiers`. They are listed
once in a process; a package's module is imported when one of its names is looked up.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.installed import PRODUCT, entry_points, load, package_of, require_one
from rollmill.roles.user_code import import_named

SHELF = frozenset({"rollmill-mixing", "rollmill-papers", "rollmill-proofs", "rollmill-reasoning"})
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
    "export": Registry("exports", "rollmill.storage.exports", "EXPORTS"),
}


@dataclass(frozen=True, slots=True)
class Methods(Mapping[str, Any]):
    """The methods of one role by name. Looking up a name that two sources define raises SetupError."""

    role: str
    product: Mapping[str, Any]
    installed: Mapping[str, Sequence[EntryPoint]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        require_one(self.role, name, self.sources(name))
        if name in self.product:
            return self.product[name]
        return load(self.role, self.installed[name][0], type, "a class", import_named)

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
        """Docstrings of a method's module and of the method; those of a method of ours are read without importing it."""
        place = self._place(name) if len(self.sources(name)) == 1 else None
        docstrings = None if place is None else _docstrings_at(place)
        if docstrings is None:
            method = self[name]
            docstrings = sys.modules[method.__module__].__doc__ or "", method.__doc__ or ""
        return docstrings

    def _place(self, name: str) -> str | None:
        """`package.module:Name` of a method of ours that is named by its place."""
        if name in self.product:
            return self.product.place(name) if isinstance(self.product, ByName) else None
        return self.installed[name][0].value if self.is_ours(name) else None

    def is_ours(self, name: str) -> bool:
        """True for a method of the product or of its own packages."""
        return name in self.product or (name in self.installed and _is_ours(self.installed[name][0]))

    def package(self, name: str) -> str | None:
        """Name and version of the package of others that brings the method; None for ours and for unknown names."""
        return None if self.is_ours(name) or name not in self.installed else package_of(self.installed[name][0])


def _docstrings_at(place: str) -> tuple[str, str] | None:
    """Docstrings of the module and of its class or function at `package.module:Name`; None if it is defined elsewhere."""
    module, _, attribute = place.partition(":")
    package = find_spec(module.partition(".")[0])
    path = Path(str(package and package.origin)).parents[1] / f"{module.replace('.', '/')}.py"
    if not path.is_file():
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef))
    node = next((node for node in defined if node.name == attribute), None)
    return None if node is None else (ast.get_docstring(tree) or "", ast.get_docstring(node) or "")


def registry(role: str) -> Methods:
    """The methods that one may name for a role."""
    place = REGISTRIES[role]
    return Methods(role, getattr(import_module(place.module), place.attribute), entry_points().get(place.kind, {}))


def shelf_command() -> str | None:
    """The command that installs the packages of methods/; None where they are all installed."""
    points = [point for names in entry_points().values() for same in names.values() for point in same]
    packages = {point.dist.name for point in points if point.dist is not None}
    return None if packages >= SHELF else "pip install 'rollmill[methods]', which brings the methods of papers"


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name in SHELF
