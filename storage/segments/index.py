"""Index from identity to segment, in memory, over the segment files of one store; used by lookups and commits.

Identities are 128-bit keys in sorted arrays, 20 bytes a row. The index follows the list of registered segments, so
segments that another process committed, compacted or lost are followed too; this process's own commits are added without
reading them back.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rollmill.storage.segments.keys import Kind, Segment
from rollmill.storage.segments.views import IDENTITY, PathOf, keys

if TYPE_CHECKING:
    import duckdb


# Merging new keys copies the whole table, so keys of single commits are gathered up to this number first.
_RECENT = 50_000
_LOW = (1 << 64) - 1

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]


def key_of(text: str) -> int:
    """The 128-bit key of a text, equal to DuckDB's md5_number. Protects against chance, not against an adversary."""
    return int.from_bytes(hashlib.md5(text.encode("utf-8"), usedforsecurity=False).digest(), "little")


class KeyTable:
    """Keys with the numbers they were added under. Not thread-safe."""

    def __init__(self) -> None:
        # two words, as numpy has no 128-bit integers
        self._high: Words = np.empty(0, np.uint64)
        self._low: Words = np.empty(0, np.uint64)
        self._numbers: Numbers = np.empty(0, np.int32)
        self._recent: dict[int, list[int]] = {}

    def add(self, keys: Iterable[int], number: int) -> None:
        """Add a few keys under one number."""
        for key in keys:
            self._recent.setdefault(key, []).append(number)
        if len(self._recent) > _RECENT:
            self._merge_new_keys()

    def add_many(self, high: Words, low: Words, numbers: Numbers) -> None:
        """Add keys given as their upper and lower 64 bits, each with its number."""
        high = np.concatenate([self._high, high])
        order = np.argsort(high, kind="stable")
        self._high = high[order]
        self._low = np.concatenate([self._low, low])[order]
        self._numbers = np.concatenate([self._numbers, numbers])[order]

    def remove(self, numbers: Collection[int]) -> None:
        """Remove everything that was added under these numbers."""
        self._merge_new_keys()
        keep = ~np.isin(self._numbers, np.fromiter(numbers, np.int32))
        self._high, self._low, self._numbers = self._high[keep], self._low[keep], self._numbers[keep]

    def find(self, keys: Sequence[int]) -> list[tuple[int, int]]:
        """(position in `keys`, number) for every number of every key."""
        matches = [(position, number) for position, key in enumerate(keys) for number in self._recent.get(key, ())]
        if not keys or not len(self._high):
            return matches
        high = np.fromiter((key >> 64 for key in keys), np.uint64, len(keys))
        first = np.searchsorted(self._high, high, "left")
        last = np.searchsorted(self._high, high, "right")
        for position in np.flatnonzero(last > first).tolist():
            low = keys[position] & _LOW
            rows = range(first[position], last[position])
            matches += [(position, int(self._numbers[row])) for row in rows if int(self._low[row]) == low]
        return matches

    def _merge_new_keys(self) -> None:
        """Merge the recently added keys into the sorted arrays."""
        pairs = [(key, number) for key, numbers in self._recent.items() for number in numbers]
        self._recent = {}
        if pairs:
            high = np.fromiter((key >> 64 for key, _ in pairs), np.uint64, len(pairs))
            low = np.fromiter((key & _LOW for key, _ in pairs), np.uint64, len(pairs))
            self.add_many(high, low, np.fromiter((number for _, number in pairs), np.int32, len(pairs)))


_CHUNK = 1000


class IdentityIndex:
    """Lookup of stored identities. Hold `lock` from listing the segments until the answer is used.

    `met`: number of segments committed by other processes, by kind.
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
        """Load new segments and drop those not in the list; False if a file cannot be read now."""
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
        """Add a segment that this process has registered, without reading its file."""
        if segment_id not in self._loaded[kind]:
            self._tables[kind].add(map(key_of, identities), self._number(kind, segment_id))

    def find(self, kind: Kind, identities: Sequence[str]) -> list[tuple[int, str]]:
        """(position in `identities`, segment id) for each segment that holds an identity."""
        matches = self._tables[kind].find([key_of(identity) for identity in identities])
        return [(position, self._names[number]) for position, number in matches]

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
