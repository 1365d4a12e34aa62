"""Aggregator `similarity`: the answer whose texts are most like all the others, for answers that have no canonical form.

The open form of "More Agents Is All You Need" (Li et al. 2024, arXiv:2402.05120): the cumulative similarity of a sample to
all other samples, by BLEU.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from rollmill.roles.blind_pool import BlindPool, Election, Floats, Need, elected_only

ORDER = 4


@dataclass(frozen=True, slots=True)
class SimilarityVote:
    """The completion with the largest sum of similarities to the others of its subset; its answer is elected.

    Similarity is sentence BLEU (n-grams of 1 to 4 words, counts smoothed by one from two words on), the mean of both
    directions, so that it is symmetrical.
    """

    name: ClassVar[str] = "similarity"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("texts",)
    _known: dict[tuple[str, ...], Floats] = field(default_factory=dict, repr=False, compare=False)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by the largest cumulative similarity of their completions."""
        if pool.texts not in self._known:
            self._known.clear()  # subsets of one problem come one after the other
            self._known[pool.texts] = similarities(pool.texts)
        table = self._known[pool.texts]
        votes = np.zeros((len(pool), len(pool.texts)))
        row = np.broadcast_to(np.arange(len(pool))[:, None], pool.member.shape)
        np.add.at(votes, (row, pool.member), (pool.answer >= 0).astype(float))
        near = np.take_along_axis(votes @ table, pool.member, axis=1)
        return Election(elected_only(pool, pool.largest(np.round(near, 9))))


def similarities(texts: Sequence[str]) -> Floats:
    """(M, M) symmetrical similarities of texts, 0 .. 1, the diagonal 0: no text votes for itself."""
    words = [text.split() for text in texts]
    grams = [[_ngrams(text_words, n) for n in range(1, ORDER + 1)] for text_words in words]
    table = np.zeros((len(texts), len(texts)))
    for i in range(len(texts)):
        for j in range(i):
            both = _bleu(grams[i], grams[j]) + _bleu(grams[j], grams[i])
            table[i, j] = table[j, i] = both / 2.0
    return table


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def _bleu(candidate: Sequence[Counter[tuple[str, ...]]], reference: Sequence[Counter[tuple[str, ...]]]) -> float:
    """BLEU of one sentence against one (Papineni et al. 2002), add-one smoothed from bigrams on (Lin & Och 2004)."""
    length, other = candidate[0].total(), reference[0].total()
    if not length or not other:
        return float(length == other)
    logs = 0.0
    for n, (mine, theirs) in enumerate(zip(candidate, reference, strict=True), 1):
        matches = (mine & theirs).total() + (n > 1)
        if not matches:
            return 0.0
        logs += math.log(matches / (mine.total() + (n > 1)))
    return math.exp(logs / len(candidate) + min(0.0, 1.0 - other / length))
