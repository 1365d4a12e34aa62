"""Methods by their names, each imported when it is asked for: for folders of methods of which a command needs one or two.

A process that judges one kind of answer would else begin with the imports of all kinds, at .3 seconds each time.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any


class ByName(Mapping[str, Any]):
    """Names to what stands at `package.module:Name`."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = self._places[name].partition(":")
        return getattr(import_module(module), attribute)

    # Mapping's own `in` calls __getitem__, which would import the method.
    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
