"""Registries of methods: a name to the method itself, or to its place, which is imported on first use; likewise the names
of a package.

A process that judges one kind of answer would else begin with the imports of all kinds, at .3 seconds each time. A line
with a place needs no import of its own.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


def object_at(place: str) -> Any:
    """The object at `package.module:Name`, whose module is imported."""
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def first_use(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names are imported on first use. `modules`: names by module, separated by
    blanks.
    """
    places = {name: module for module, names in modules.items() for name in names.split()}

    def attribute(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(places[name]), name)
        # Later lookups find the name in the package and do not come here.
        setattr(sys.modules[package], name, value)
        return value

    return attribute


@dataclass(frozen=True, slots=True)
class RecordedMethod:
    """Method as an id covers it: its name, its version with the digest of a user's file, and canonical JSON of its options.

    `folder`: folder of a user's file, which is not part of the identity.
    """

    name: str
    version: str
    options: str = "{}"
    folder: str = field(default="", compare=False)

    def identity(self) -> list[str]:
        """The parts of an id."""
        return [self.name, self.version, self.options]


class ByName(Mapping[str, Any]):
    """Names to methods; a text names the method at `package.module:Name`."""

    def __init__(self, methods: Mapping[str, Any]) -> None:
        self._methods = dict(methods)

    def __getitem__(self, name: str) -> Any:
        method = self._methods[name]
        return object_at(method) if isinstance(method, str) else method

    def place(self, name: str) -> str | None:
        """Place of a method, `package.module:Name`; None for a method that is registered itself."""
        method = self._methods[name]
        return method if isinstance(method, str) else None

    def __or__(self, other: "ByName | Mapping[str, Any]") -> "ByName":
        """Both registries, without importing a method; for equal names the other's place wins."""
        return ByName({**self._methods, **(other._methods if isinstance(other, ByName) else other)})

    # Mapping's own `in` calls __getitem__, which would import the method.
    def __contains__(self, name: object) -> bool:
        return name in self._methods

    def __iter__(self) -> Iterator[str]:
        return iter(self._methods)

    def __len__(self) -> int:
        return len(self._methods)
