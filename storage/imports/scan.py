"""One way through a file: detect its columns, then hand out clean rows. Knows fields, not records.

An import goes through its file twice: once to find every mistake, once to store. Both ways use this module.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from storage.errors import SetupError
from storage.imports.cells import Sanitiser
from storage.imports.columns import Aliases, Columns, resolve
from storage.imports.readers import Row, read_rows
from storage.imports.spec import ImportSpec

_DETECT_ROWS = 200
_SHOWN = 5


def detect(spec: ImportSpec, aliases: Aliases) -> Columns:
    """The column mapping of a file, from the columns of its first rows; of JSON lines all, as each may bring others."""
    found: dict[str, None] = {}
    fixed = {".parquet", ".csv", ".tsv"} & {suffix.lower() for suffix in spec.path.suffixes}
    for row in clean_rows(spec.path, Sanitiser(), limit=_DETECT_ROWS if fixed else None):
        found.update(dict.fromkeys(row.values))
    return resolve(tuple(found), aliases, maps=spec.maps, constants=spec.constants, path=spec.path)


def clean_rows(path: Path, sanitiser: Sanitiser, *, limit: int | None = None) -> Iterator[Row]:
    """The rows of a file with every text storable; the sanitiser counts what it replaced."""
    for row in islice(read_rows(path), limit):
        yield Row(row.where, sanitiser.row(row.values))


def mark(path: Path) -> tuple[int, int]:
    """Size and modification time: differs when a file was written to between two readings."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def unchanged(path: Path, before: tuple[int, int]) -> None:
    """Raise SetupError when the file changed since `before`: what was checked is not what would be stored."""
    if mark(path) != before:
        raise SetupError(f"{path} changed while it was read; nothing was stored.", next_command="run the same import again")


@dataclass(slots=True)
class Places:
    """Where each key was first seen, and the keys seen more than once."""

    first: dict[str, str] = field(default_factory=dict)
    again: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, key: str, where: str) -> None:
        """Record one sighting."""
        before = self.first.setdefault(key, where)
        if before != where:
            self.again.append((key, before, where))

    def require_unique(self, what: str, path: Path) -> None:
        """Raise SetupError naming the keys seen twice and where."""
        if self.again:
            named = listed(f"{key!r} ({before} and {where})" for key, before, where in self.again)
            raise SetupError(f"{path} gives the same {what} more than once: {named}; nothing was stored.")


def listed(items: Iterable[str]) -> str:
    """The first few items, and how many more there are."""
    every = list(items)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
