"""Saved views of Explore: filters under a person's name for them, as the query part of an address.

A small JSON file in the folder of the schedules; every change is made under a file lock, and readers see it whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import json_text, locked, read_object, write_text

LONGEST_NAME = 60
LONGEST_QUERY = 4_000
AGAIN = "rollmill view list"


class Views:
    """The file of views in a workspace's state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / "views.json"

    def all(self) -> dict[str, str]:
        """Every view's query by its name, in the order of names."""
        if not self.path.exists():
            return {}
        stored = read_object(self.path, next_command=f"mv {self.path} {self.path}.damaged")
        return {name: stored[name] for name in sorted(stored) if isinstance(stored[name], str)}

    def save(self, name: str, query: str) -> str:
        """Store a query under a name, replacing the one before; the stored name."""
        named = _named(name)
        if not query or len(query) > LONGEST_QUERY or not query.isprintable():
            again = "copy it from behind the ? of the address"
            raise SetupError(f"a view's query has 1 to {LONGEST_QUERY:,} characters.", next_command=again)
        with self._changing() as views:
            views[named] = query
        return named

    def rename(self, old: str, new: str) -> None:
        """Give a view another name, which no other view has."""
        named = _named(new)
        with self._changing() as views:
            self._known(views, old)
            if named in views:
                raise SetupError(f"there is a view {named!r} already.", next_command=AGAIN)
            views[named] = views.pop(old)

    def remove(self, name: str) -> None:
        """Remove a view."""
        with self._changing() as views:
            self._known(views, name)
            del views[name]

    def _known(self, views: dict[str, str], name: str) -> None:
        if name not in views:
            raise unknown_name("view", name, views, next_command=AGAIN)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        with locked(self.path.with_suffix(".lock")):
            views = self.all()
            yield views
            write_text(self.path, json_text(views))


def _named(name: str) -> str:
    named = " ".join(name.split())
    if not named or len(named) > LONGEST_NAME or not named.isprintable():
        raise SetupError(f"a view's name has 1 to {LONGEST_NAME} visible characters.", next_command=AGAIN)
    return named
