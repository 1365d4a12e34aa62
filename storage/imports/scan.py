"""One way through a file: detect its columns, then hand out clean rows. Knows fields, not records.

An import goes through its file twice: once to find every mistake, once to store. Both ways use this module.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from storage.errors import SetupError
from storage.imports.cells import CellError, Sanitiser, root, value_at
from storage.imports.columns import Aliases, Columns, listed, resolve
from storage.imports.formats import rewritten
from storage.imports.readers import Row, read_rows
from storage.imports.spec import ImportSpec

_DETECT_ROWS = 200


def detect(spec: ImportSpec, aliases: Aliases) -> Columns:
    """The column mapping of a file, from the columns of its first rows; of JSON lines all, as each may bring others."""
    names: dict[str, None] = {}
    formats: dict[str, None] = {}
    fixed = {".parquet", ".csv", ".tsv"} & {suffix.lower() for suffix in spec.path.suffixes}
    for row in clean_rows(spec, Sanitiser(), limit=_DETECT_ROWS if fixed else None):
        names.update(dict.fromkeys(row.values))
        formats.update(dict.fromkeys([row.format] if row.format else []))
    columns = resolve(tuple(names), aliases, maps=spec.maps, constants=spec.constants, path=spec.path)
    return replace(columns, format=", ".join(formats))


def clean_rows(spec: ImportSpec, sanitiser: Sanitiser, *, limit: int | None = None) -> Iterator[Row]:
    """The rows of a file in the form that an import knows, every text storable; the sanitiser counts what it replaced."""
    for row in islice(read_rows(spec.path), limit):
        paths = [path for path in spec.maps.values() if path not in row.values and root(path) in row.values]
        try:
            name, rows = ("", [row.values]) if paths else rewritten(row.values)
        except CellError as error:
            raise SetupError(f"{spec.path}, {row.where}: {error}; nothing was stored.") from error
        sanitiser.empty += not rows
        for values in rows:
            mapped = {path: value_at(values, path) for path in paths}
            yield Row(row.where, sanitiser.row({**values, **mapped}), row.format or name)


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
