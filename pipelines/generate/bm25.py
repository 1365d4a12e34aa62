"""Okapi BM25 over texts as lists of words (Robertson and Zaragoza 2009), to find the texts nearest to a text."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_K1, _B = 1.2, 0.75


class BM25:
    """Index of texts as lists of words: for each word the texts that contain it, with its Okapi weight there."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.size = len(documents)
        lengths = [max(1, len(words)) for words in documents]
        mean = sum(lengths) / max(1, self.size)
        postings: dict[str, list[tuple[int, float]]] = {}
        for number, words in enumerate(documents):
            norm = _K1 * (1 - _B + _B * lengths[number] / mean)
            for word, count in Counter(words).items():
                postings.setdefault(word, []).append((number, count * (_K1 + 1) / (count + norm)))
        self._postings = {word: self._worth(rows) for word, rows in postings.items()}

    def _worth(self, rows: Sequence[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        # With 1 added, a word that most texts have counts for little instead of counting against them.
        rarity = math.log(1 + (self.size - len(rows) + 0.5) / (len(rows) + 0.5))
        return np.array([number for number, _ in rows]), rarity * np.array([weight for _, weight in rows])

    def scores(self, words: Sequence[str]) -> NDArray[np.float64]:
        """The score of every text for these words, each counted once; a fixed order of summing keeps equal scores equal."""
        scores = np.zeros(self.size)
        for word in sorted(set(words)):
            if word in self._postings:
                numbers, worth = self._postings[word]
                scores[numbers] += worth
        return scores
