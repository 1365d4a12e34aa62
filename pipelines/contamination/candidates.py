"""Candidate rows of a batch that may overlap a benchmark, by whole-array arithmetic; the others are never compared.

A row is a candidate when it shares with some problem a run of eight tokens (numbers hidden where problems are looked for),
or a run of four with a number, or all of its numbers and signs. Runs are compared as 64-bit hashes: a collision costs one
comparison and no answer. A third of the time is saved where training data and benchmark are of related templates
(benchmarks/problems/contamination.py), more if they have less in common.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rollmill.pipelines.contamination.index import ANCHOR, BenchmarkIndex
from rollmill.pipelines.contamination.texts import RUN, SIGNS, is_hard, tokens

Hashes = NDArray[np.uint64]
_FOREIGN, _FOREIGN_NUMBER, _NUMBER = 0, 1, 2  # a word and a number that the benchmark has not; any number, hidden
_FIRST = 3
_SEED = 20_261_121


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    """The tokens of many texts end to end as numbers of the vocabulary, and where each text begins."""

    tokens: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def any_of(self, marked: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
        """The texts that contain a marked run of this length."""
        counts = np.concatenate([[0], np.cumsum(marked)])
        last = np.minimum(self.starts + np.maximum(self.sizes - length + 1, 0), len(marked))
        first = np.minimum(self.starts, len(marked))
        return np.asarray(counts[np.maximum(last, first)] > counts[first])


class MatchCandidates:
    """The filter of one benchmark."""

    def __init__(self, index: BenchmarkIndex) -> None:
        words = [entry.words for entry in index.entries]
        vocabulary = sorted({word for entry in words for word in entry} | SIGNS)
        self._numbers = {word: place for place, word in enumerate(vocabulary, _FIRST)}
        generator = np.random.default_rng(_SEED)
        shape = len(vocabulary) + _FIRST
        # Odd factors lose no bits modulo 2^64.
        self._salt = generator.integers(1, 2**63, size=shape, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._places = generator.integers(1, 2**63, size=RUN, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
        self._is_number = np.array([False, True, True, *(word[0].isdigit() for word in vocabulary)])
        self._is_hard = np.array([False, True, True, *(is_hard(word) for word in vocabulary)])
        batch = self._batch(words)
        hidden = self._hidden(batch)
        # A problem shorter than a run is looked for as a whole, so of its length only such problems count.
        parts = {n: batch if n == RUN else self._batch(entry for entry in words if len(entry) == n) for n in index.lengths}
        self._runs = {length: np.unique(self._hashes(part.tokens, length)) for length, part in sorted(parts.items())}
        self._anchors = np.unique(self._hashes(batch.tokens, ANCHOR))
        self._blind = np.unique(self._hashes(hidden, RUN))
        self._hard = np.unique(self._sums(batch))

    def problems(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Flags of the texts that can be a problem of the benchmark, edited or with new numbers, or hold one."""
        batch = self._batch([tokens(text) for text in texts])
        # A text shorter than a run has none to be looked for, so it is always compared.
        short = batch.sizes < RUN
        known = ~self._foreign(batch) & np.isin(self._sums(batch), self._hard)
        return self._inside(batch) | short | known | self._any(batch, self._hidden(batch), self._blind, RUN)

    def completions(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Flags of the texts that can hold a problem of the benchmark."""
        return self._inside(self._batch([tokens(text) for text in texts]))

    def _inside(self, batch: _Batch) -> NDArray[np.bool_]:
        rows = [self._any(batch, batch.tokens, known, length) for length, known in self._runs.items()]
        with_number = self._any(batch, batch.tokens, self._anchors, ANCHOR, numbers_only=True)
        return np.asarray(np.logical_or.reduce([with_number, *rows]))

    def _batch(self, texts: Iterable[Sequence[str]]) -> _Batch:
        known, sizes, places = self._numbers.get, list[int](), list[int]()
        for words in texts:
            sizes.append(len(words))
            # An unknown word before ":" in the alphabet is a number: every sign is known.
            # Places begin at 3, so a known word is never falsy.
            places += [known(word) or (_FOREIGN_NUMBER if word < ":" else _FOREIGN) for word in words]
        ends = np.cumsum(sizes, dtype=np.int64)
        counted = np.array(sizes, dtype=np.int64)
        return _Batch(np.array(places, dtype=np.int64), ends - counted, counted)

    def _hidden(self, batch: _Batch) -> NDArray[np.int64]:
        """The tokens with every number the same, the benchmark's or not."""
        return np.where(self._is_number[batch.tokens], _NUMBER, batch.tokens)

    def _any(
        self, batch: _Batch, places: NDArray[np.int64], known: Hashes, length: int, *, numbers_only: bool = False
    ) -> NDArray[np.bool_]:
        hashes = self._hashes(places, length)
        marked = np.isin(hashes, known)
        if numbers_only and len(marked):
            counts = np.concatenate([[0], np.cumsum(self._is_number[batch.tokens])])
            marked &= counts[length:] > counts[:-length]
        return batch.any_of(marked, length)

    def _hashes(self, places: NDArray[np.int64], length: int) -> Hashes:
        """Hashes of the runs of this length, over ends of texts too."""
        size = max(0, len(places) - length + 1)
        total = np.zeros(size, dtype=np.uint64)
        salted = self._salt[places]
        for place in range(length if size else 0):
            total += salted[place : place + size] * self._places[place]
            total ^= total >> np.uint64(29)
        return total

    def _sums(self, batch: _Batch) -> Hashes:
        """For each text a hash of its numbers and signs in whatever order."""
        salted = np.where(self._is_hard[batch.tokens], self._salt[batch.tokens], np.uint64(0))
        # The running sum wraps around and the difference too, so each text's own sum is exact modulo 2^64.
        counts = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(salted, dtype=np.uint64)])
        return np.asarray(counts[batch.starts + batch.sizes] - counts[batch.starts])

    def _foreign(self, batch: _Batch) -> NDArray[np.bool_]:
        return batch.any_of(batch.tokens == _FOREIGN_NUMBER, 1)
