"""Modules that Great Expectations imports for expectations that few suites name: Python executes each at its first use.

Executing them all takes more than a third of the seconds of the library's import. The library is as it is installed.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from threading import get_ident
from types import ModuleType

LATE = frozenset({"altair", "scipy.stats"})


class _Finder(MetaPathFinder):
    """The finder of LATE in the thread that makes it. Anything else is left to the next finder."""

    def __init__(self) -> None:
        self._thread = get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in LATE and get_ident() == self._thread else None
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


@contextmanager
def late_modules() -> Iterator[None]:
    """Imports inside the block execute a module of LATE at its first use; one that is loaded already stays as it is."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
