"""Which segment holds which identity: an in-memory index, filled from the files and kept beside them. Knows no ledger.

One row of 20 bytes per stored row: the 128-bit key of its identity and a number for its segment. It is brought up to date
from the list of registered segments, so a segment that was committed, compacted or lost elsewhere is followed.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

import pyarrow as pa

from storage.segments.keys import Segment
from storage.segments.schema import Kind
from storage.segments.views import IDENTITY, PathOf, files, key_sql

if TYPE_CHECKING:
    import duckdb

_CHUNK = 1000
Readable = Callable[[Sequence[Segment]], list[Segment]]


class IdentityIndex:
    """Answers where identities are stored. Hold `lock` from listing the segments to the answer."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", path_of: PathOf, readable: Readable) -> None:
        self.lock = threading.RLock()
        self._db = connection
        self._path_of = path_of
        self._readable = readable
        self._numbers = count()
        self._loaded: dict[Kind, dict[str, int]] = {}
        for kind in IDENTITY:
            self._loaded[kind] = {}
            self._db.execute(f"CREATE TABLE {kind} (key UHUGEINT, segment INTEGER)")

    def update(self, kind: Kind, segments: Sequence[Segment]) -> bool:
        """Load the segments that are new here, forget those not in the list; False where a file cannot be read now."""
        loaded = self._loaded[kind]
        wanted = {segment.id for segment in segments}
        gone = [segment_id for segment_id in loaded if segment_id not in wanted]
        if gone:
            numbers = ",".join(str(loaded.pop(segment_id)) for segment_id in gone)
            self._db.execute(f"DELETE FROM {kind} WHERE segment IN ({numbers})")
        new = [segment for segment in segments if segment.id not in loaded]
        sound = self._readable(new) if new else []
        for start in range(0, len(sound), _CHUNK):
            self._load(kind, sound[start : start + _CHUNK])
        return len(sound) == len(new)

    def find(self, kind: Kind, identities: Sequence[str]) -> list[tuple[int, str]]:
        """(position in `identities`, segment id) for each place where one is stored."""
        if not identities or not self._loaded[kind]:
            return []
        self._db.register("wanted", pa.table({"position": range(len(identities)), "identity": list(identities)}))
        try:
            found = self._db.execute(
                f"SELECT position, segment FROM {kind} JOIN "
                "(SELECT position, md5_number(identity) AS key FROM wanted) USING (key)"
            ).fetchall()
        finally:
            self._db.unregister("wanted")
        names = {number: segment_id for segment_id, number in self._loaded[kind].items()}
        return [(position, names[number]) for position, number in found]

    def close(self) -> None:
        """Release the index."""
        with self.lock:
            self._db.close()

    def _load(self, kind: Kind, segments: Sequence[Segment]) -> None:
        paths = [self._path_of(segment) for segment in segments]
        numbers = [next(self._numbers) for _ in segments]
        self._db.register("loading", pa.table({"filename": paths, "segment": pa.array(numbers, pa.int32())}))
        try:
            self._db.execute(
                f"INSERT INTO {kind} SELECT {key_sql(kind)}, segment FROM "
                f"read_parquet({files(paths)}, filename=true, hive_partitioning=false) JOIN loading USING (filename)"
            )
        finally:
            self._db.unregister("loading")
        self._loaded[kind].update(zip((segment.id for segment in segments), numbers, strict=True))
