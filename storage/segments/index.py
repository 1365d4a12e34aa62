"""Which segment holds which identity: an in-memory index over the segment files of one store. Knows no ledger.

It is brought up to date from the list of registered segments, so a segment that was committed, compacted or lost elsewhere
is followed; what this process commits is added without reading it back.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from storage.segments.keys import Segment
from storage.segments.keytable import KeyTable, key_of
from storage.segments.schema import Kind
from storage.segments.views import IDENTITY, PathOf, keys

if TYPE_CHECKING:
    import duckdb

_CHUNK = 1000


class IdentityIndex:
    """Answers where identities are stored. Hold `lock` from listing the segments to the answer.

    `met`: how many segments of a kind it was told of that this process did not commit through it.
    """

    def __init__(
        self,
        connect: "Callable[[], duckdb.DuckDBPyConnection]",
        path_of: PathOf,
        readable: Callable[[Sequence[Segment]], list[Segment]],
    ) -> None:
        self.lock = threading.RLock()
        self._connect = connect
        self._path_of = path_of
        self._readable = readable
        self._numbers = count()
        self._tables = {kind: KeyTable() for kind in IDENTITY}
        self._loaded: dict[Kind, dict[str, int]] = {kind: {} for kind in IDENTITY}
        self._names: dict[int, str] = {}
        self.met: dict[Kind, int] = dict.fromkeys(IDENTITY, 0)

    def update(self, kind: Kind, segments: Sequence[Segment]) -> bool:
        """Load the segments that are new here, forget those not in the list; False where a file cannot be read now."""
        loaded = self._loaded[kind]
        gone = loaded.keys() - {segment.id for segment in segments}
        if gone:
            self._tables[kind].remove([loaded.pop(segment_id) for segment_id in gone])
        new = [segment for segment in segments if segment.id not in loaded]
        if not new:
            return True
        self.met[kind] += len(new)
        sound = self._readable(new)
        for start in range(0, len(sound), _CHUNK):
            self._load(kind, sound[start : start + _CHUNK])
        return len(sound) == len(new)

    def add(self, kind: Kind, segment_id: str, identities: Sequence[str]) -> None:
        """Add a segment that this process has registered, without reading it."""
        if segment_id not in self._loaded[kind]:
            self._tables[kind].add(map(key_of, identities), self._number(kind, segment_id))

    def find(self, kind: Kind, identities: Sequence[str]) -> list[tuple[int, str]]:
        """(position in `identities`, segment id) for each place where one is stored."""
        found = self._tables[kind].find([key_of(identity) for identity in identities])
        return [(position, self._names[number]) for position, number in found]

    def _load(self, kind: Kind, segments: Sequence[Segment]) -> None:
        with self._connect() as connection:
            rows = connection.execute(
                f"SELECT (key >> 64)::UBIGINT AS high, (key & {2**64 - 1}::UHUGEINT)::UBIGINT AS low, seq "
                f"FROM ({keys(kind, segments, self._path_of)})"
            ).fetchnumpy()
        seqs = np.array([segment.seq for segment in segments], np.int64)  # ascending, as listed
        numbers = np.array([self._number(kind, segment.id) for segment in segments], np.int32)
        self._tables[kind].add_many(
            np.asarray(rows["high"], np.uint64),
            np.asarray(rows["low"], np.uint64),
            numbers[np.searchsorted(seqs, np.asarray(rows["seq"], np.int64))],
        )

    def _number(self, kind: Kind, segment_id: str) -> int:
        number = next(self._numbers)
        self._loaded[kind][segment_id] = number
        self._names[number] = segment_id
        return number
