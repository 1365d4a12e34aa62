"""Single rows of a version by their key, without reading the others: what `why` asks of ten million rows.

Rows lie in key order (KEYS), so DuckDB skips the row groups that cannot hold a key, and of a version of shards only those
files are opened whose first and last key enclose one. Keys are given by the first column of each kind's key.
"""

from collections.abc import Collection
from typing import Any

import duckdb

from storage.segments.schema import Kind
from storage.segments.views import quoted
from storage.versions.database import TABLE_NAMES, Listing, read_listing, scan_near
from storage.versions.read import not_here
from storage.versions.resolve import VersionInfo
from storage.versions.snapshot import KEYS, OPTIONAL

_AFTER = "\U0010ffff"  # sorts behind every id that begins with what stands before it
_APART = 100  # keys looked for one by one; more are looked for in one pass


class Lookup:
    """The rows of one version, read through a connection that others may share: making one takes longer than a look."""

    def __init__(self, info: VersionInfo, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection, self._folder = connection, info.path
        self._listing: Listing | None = None
        self._held: dict[Kind, bool] = {}
        self._catalog = f'"{info.folder}"'
        path = info.path / "dataset.duckdb"
        if path.exists():
            connection.execute(f"ATTACH IF NOT EXISTS {quoted(str(path))} AS {self._catalog} (READ_ONLY)")
        elif (listing := read_listing(info.path)) is not None:
            self._listing = listing
        else:
            raise not_here(info)

    def beginning(self, kind: Kind, prefix: str, most: int) -> list[str]:
        """The first `most` keys of a kind that begin so, in order."""
        key = KEYS[kind][0]
        rows = self._connection.execute(
            f"SELECT {key} FROM ({self._source(kind, [(prefix, prefix + _AFTER)])}) "  # noqa: S608 - names of ours
            f"WHERE {key} >= $1 AND {key} < $2 ORDER BY 1 LIMIT $3",
            [prefix, prefix + _AFTER, most],
        ).fetchall()
        return [row[0] for row in rows]

    def rows(self, kind: Kind, keys: Collection[str] | None, **also: Collection[str]) -> list[dict[str, Any]]:
        """The rows with one of these keys and, of other columns named, one of those values; in the order of all columns.

        None for any key: then every row is read.
        """
        key, ranges = KEYS[kind][0], [("", _AFTER)] if keys is None else [(one, one) for one in keys]
        if not (ranges and all(also.values())) or not self.holds(kind):
            return []
        source = self._source(kind, ranges)
        others = "".join(f" AND {_among(name, some)}" for name, some in also.items())
        # Each key by itself: only for one that is equal does DuckDB skip row groups.
        apart = ["true"] if keys is None else [_among(key, [one]) for one in sorted(keys)]
        parts = apart if len(apart) <= _APART else [_among(key, keys or ())]
        union = " UNION ALL ".join(f"SELECT * FROM ({source}) WHERE {part}{others}" for part in parts)  # noqa: S608
        rows: list[dict[str, Any]] = self._connection.sql(f"{union} ORDER BY ALL").to_arrow_table().to_pylist()
        return rows

    def _source(self, kind: Kind, ranges: Collection[tuple[str, str]]) -> str:
        if self._listing is None:
            return f"SELECT * FROM {self._catalog}.{TABLE_NAMES[kind]}"  # noqa: S608 - names of ours
        return scan_near(kind, self._folder, self._listing[kind], ranges)

    def holds(self, kind: Kind) -> bool:
        """Whether the version has the table, as all have most."""
        if kind not in self._held:
            self._held[kind] = kind not in OPTIONAL or self._has(kind)
        return self._held[kind]

    def _has(self, kind: Kind) -> bool:
        """Asking for no rows takes a fifth of what DuckDB's own lists of tables and views take."""
        if self._listing is not None:
            return kind in self._listing
        try:
            self._connection.execute(f"SELECT 1 FROM {self._catalog}.{TABLE_NAMES[kind]} LIMIT 0")  # noqa: S608 - ours
        except duckdb.CatalogException:
            return False
        return True


def _among(name: str, values: Collection[str]) -> str:
    return f"{name} IN ({', '.join(map(quoted, sorted(values)))})"
