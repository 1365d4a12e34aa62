"""A table from 128-bit keys to small numbers: 20 bytes a row, sorted arrays, and a small dict for what came last.

Knows nothing of what a key or a number stands for. A key may have several numbers.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

_RECENT = 50_000
_LOW = (1 << 64) - 1

Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int32]


def key_of(text: str) -> int:
    """The 128-bit key of a text; equal to DuckDB's md5_number. It guards against chance, not against an adversary."""
    return int.from_bytes(hashlib.md5(text.encode("utf-8"), usedforsecurity=False).digest(), "little")


class KeyTable:
    """Keys with the numbers they were added under. Not safe from several threads at once."""

    def __init__(self) -> None:
        self._high: Words = np.empty(0, np.uint64)
        self._low: Words = np.empty(0, np.uint64)
        self._numbers: Numbers = np.empty(0, np.int32)
        self._recent: dict[int, list[int]] = {}

    def add(self, keys: Iterable[int], number: int) -> None:
        """Add a few keys under one number."""
        for key in keys:
            self._recent.setdefault(key, []).append(number)
        if len(self._recent) > _RECENT:
            self._settle()

    def add_many(self, high: Words, low: Words, numbers: Numbers) -> None:
        """Add keys given as their upper and lower 64 bits, each with its number."""
        high = np.concatenate([self._high, high])
        order = np.argsort(high, kind="stable")
        self._high = high[order]
        self._low = np.concatenate([self._low, low])[order]
        self._numbers = np.concatenate([self._numbers, numbers])[order]

    def remove(self, numbers: Collection[int]) -> None:
        """Forget everything that was added under these numbers."""
        self._settle()
        keep = ~np.isin(self._numbers, np.fromiter(numbers, np.int32))
        self._high, self._low, self._numbers = self._high[keep], self._low[keep], self._numbers[keep]

    def find(self, keys: Sequence[int]) -> list[tuple[int, int]]:
        """(position in `keys`, number) for every number of every key."""
        found = [(position, number) for position, key in enumerate(keys) for number in self._recent.get(key, ())]
        if not keys or not len(self._high):
            return found
        high = np.fromiter((key >> 64 for key in keys), np.uint64, len(keys))
        first = np.searchsorted(self._high, high, "left")
        last = np.searchsorted(self._high, high, "right")
        for position in np.flatnonzero(last > first).tolist():
            low = keys[position] & _LOW
            rows = range(first[position], last[position])
            found += [(position, int(self._numbers[row])) for row in rows if int(self._low[row]) == low]
        return found

    def _settle(self) -> None:
        """Move what came last into the sorted arrays."""
        pairs = [(key, number) for key, numbers in self._recent.items() for number in numbers]
        self._recent = {}
        if pairs:
            high = np.fromiter((key >> 64 for key, _ in pairs), np.uint64, len(pairs))
            low = np.fromiter((key & _LOW for key, _ in pairs), np.uint64, len(pairs))
            self.add_many(high, low, np.fromiter((number for _, number in pairs), np.int32, len(pairs)))
