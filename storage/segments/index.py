"""Which segment holds which identity: an in-memory index, filled from the files and kept beside them. Knows no ledger.

One row of 20 bytes per stored row: the 128-bit key of its identity and its segment's number. It is brought up to date from
the list of registered segments, so a segment that was committed, compacted or lost elsewhere is followed.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from storage.segments.keys import Segment
from storage.segments.schema import Kind
from storage.segments.views import IDENTITY, PathOf, files, key_sql

if TYPE_CHECKING:
    import duckdb

_CHUNK = 1000


class IdentityIndex:
    """Answers where identities are stored. Hold `lock` from listing the segments to the answer."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", path_of: PathOf) -> None:
        self._db = connection
        self._path_of = path_of
        self._loaded: dict[Kind, set[int]] = {}
        self.lock = threading.RLock()
        for kind in IDENTITY:
            self._loaded[kind] = set()
            self._db.execute(f"CREATE TABLE {kind} (key UHUGEINT, segment INTEGER)")

    def update(self, kind: Kind, segments: Sequence[Segment]) -> None:
        """Load the segments that are new here and forget those that are not in the list."""
        wanted = {segment.seq for segment in segments}
        gone = self._loaded[kind] - wanted
        if gone:
            self._db.execute(f"DELETE FROM {kind} WHERE segment IN ({','.join(map(str, gone))})")
            self._loaded[kind] -= gone
        new = [segment for segment in segments if segment.seq not in self._loaded[kind]]
        for start in range(0, len(new), _CHUNK):
            self._load(kind, new[start : start + _CHUNK])

    def find(self, kind: Kind, identities: Sequence[str]) -> tuple[set[int], set[int]]:
        """Positions in `identities` that are stored, and the numbers of the segments that hold any of them."""
        if not identities:
            return set(), set()
        self._db.register("wanted", pa.table({"position": range(len(identities)), "identity": list(identities)}))
        found = self._db.execute(
            f"SELECT position, segment FROM {kind} JOIN "
            "(SELECT position, md5_number(identity) AS key FROM wanted) USING (key)"
        ).fetchnumpy()
        self._db.unregister("wanted")
        return set(found["position"].tolist()), set(found["segment"].tolist())

    def _load(self, kind: Kind, segments: Sequence[Segment]) -> None:
        paths = [self._path_of(segment) for segment in segments]
        order = pa.table({"filename": paths, "segment": [segment.seq for segment in segments]})
        self._db.register("loading", order)
        try:
            self._db.execute(
                f"INSERT INTO {kind} SELECT {key_sql(kind)}, segment FROM "
                f"read_parquet({files(paths)}, filename=true, hive_partitioning=false) "
                "JOIN loading USING (filename)"
            )
        finally:
            self._db.unregister("loading")
        self._loaded[kind] |= {segment.seq for segment in segments}
