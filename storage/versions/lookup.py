"""Lookup of single rows of a version by key, without reading the others: for `why` on ten million rows.

Rows lie in key order (KEYS), so DuckDB skips the row groups that cannot hold a key, and of a version of shards only files
with a first and last key around the wanted one are opened. Keys are the first column of each kind's key.
"""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any

import duckdb

from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.views import quoted
from rollmill.storage.versions.content.catalogue import KEYS, OPTIONAL, TABLE_NAMES, require_catalogue
from rollmill.storage.versions.content.prompts import COLUMN, SHOWN
from rollmill.storage.versions.content.shard_listing import Listing, read_listing
from rollmill.storage.versions.content.shard_views import Near, scan_near
from rollmill.storage.versions.read import fetch_command, is_here, missing_rows_error, require_files
from rollmill.storage.versions.resolve import VersionInfo

_AFTER = "\U0010ffff"  # sorts after every id with the text before it as prefix
_APART = 100  # keys looked up one by one; more are looked up in one pass


class Lookup:
    """The rows of one version, read through a shareable connection: creating one takes longer than a lookup."""

    def __init__(self, info: VersionInfo, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection, self._folder = connection, info.path
        self._listing: Listing | None = None
        self._held: dict[Kind, bool] = {}
        self._catalog = f'"{info.folder}"'
        path = info.path / "dataset.duckdb"
        if is_here(info):
            require_files(info)
        if (listing := read_listing(info.path)) is not None:
            self._listing = listing
        elif path.exists():
            require_catalogue(path, info.ref, fetch_command(info))
            # The table may be missing (see `holds`): DuckDB's suggestion of names takes ten times as long as the error.
            connection.execute("SET catalog_error_max_schemas = 0")
            connection.execute(f"ATTACH IF NOT EXISTS {quoted(str(path))} AS {self._catalog} (READ_ONLY)")
        else:
            raise missing_rows_error(info)

    def beginning(self, kind: Kind, prefix: str, most: int) -> list[str]:
        """The first `most` keys of a kind with this prefix, in order."""
        key = KEYS[kind][0]
        within = f"{key} >= {quoted(prefix)} AND {key} < {quoted(prefix + _AFTER)}"
        source = self._source(kind, [([(prefix, prefix + _AFTER)], within)])
        rows = self._connection.execute(f"SELECT {key} FROM ({source}) ORDER BY 1 LIMIT $1", [most]).fetchall()  # noqa: S608
        return [row[0] for row in rows]

    def rows(self, kind: Kind, keys: Collection[str] | None, **also: Collection[str]) -> list[dict[str, Any]]:
        """The rows with one of these keys and, for other named columns, one of those values; in the order of all columns.

        None matches any key: then every row is read.
        """
        if not ((keys is None or keys) and all(also.values())) or not self.holds(kind):
            return []
        key, others = KEYS[kind][0], "".join(f" AND {_among(name, some)}" for name, some in also.items())
        # One query for each key: DuckDB skips row groups only for an equality, and one shard is opened for it.
        groups = [None] if keys is None else [[value] for value in sorted(keys)] if len(keys) <= _APART else [keys]
        parts = [
            ([("", _AFTER)], f"true{others}")
            if some is None
            else ([(value, value) for value in some], f"{_among(key, some)}{others}")
            for some in groups
        ]
        # Executed, not made a relation: a relation would bind all parts twice, and read each shard's footer twice.
        result = self._connection.execute(f"{self._source(kind, parts)} ORDER BY ALL")
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _source(self, kind: Kind, parts: Sequence[Near]) -> str:
        if self._listing is not None:
            return scan_near(kind, self._folder, self._listing[kind], parts)
        table, chosen = f"{self._catalog}.{TABLE_NAMES[kind]}", "*" if kind != "problems" else self._of_problems
        return " UNION ALL ".join(f"SELECT {chosen} FROM {table} WHERE {condition}" for _, condition in parts)  # noqa: S608 - ours

    @cached_property
    def _of_problems(self) -> str:
        """Columns selected from problems: their prompts in today's form."""
        rows = self._connection.execute(f"SELECT * FROM {self._catalog}.problems LIMIT 0")  # noqa: S608 - ours
        return "*" if COLUMN in {column[0] for column in rows.description} else SHOWN

    def holds(self, kind: Kind) -> bool:
        """True for a version with the table; most versions have all."""
        if kind not in self._held:
            self._held[kind] = kind not in OPTIONAL or self._has(kind)
        return self._held[kind]

    def _has(self, kind: Kind) -> bool:
        """True for an existing table. A query for no rows takes a tenth of the time of DuckDB's lists of tables and
        views."""
        if self._listing is not None:
            return kind in self._listing
        try:
            self._connection.execute(f"SELECT 1 FROM {self._catalog}.{TABLE_NAMES[kind]} LIMIT 0")  # noqa: S608 - ours
        except duckdb.CatalogException:
            return False
        return True


def _among(name: str, values: Collection[str]) -> str:
    return f"{name} IN ({', '.join(map(quoted, sorted(values)))})"
