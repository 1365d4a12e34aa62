"""Vectors of texts without a model, and their k-means clusters.

TF-IDF over words and numbers (counts 1 + log, inverse document frequency log((1 + n) / (1 + df)) + 1), projected to a fixed
length by random signs (Achlioptas 2003; the sign of a term depends on the term alone), of length 1. Cosines are kept to
about 1 / sqrt(dims). All sums have a fixed order, so equal texts give equal bytes on one machine.
"""

import re
import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.sparse import csr_matrix

from rollmill.ground.ids import digest128
from rollmill.ground.pool import Floats, Ints

_TERM = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)*|[^\w\s]")
_ROUNDS = 25  # of k-means
_ZERO = 1e-12
_DECIMALS = 12  # beyond which rows of length 1 differ by rounding alone


def text_vectors(texts: Sequence[str], dims: int) -> Floats:
    """A row of length 1 for each text; zeros for a text without a term."""
    counted = [Counter(_TERM.findall(text.casefold())) for text in texts]
    frequency = Counter(term for terms in counted for term in terms)
    terms = {term: place for place, term in enumerate(sorted(frequency))}
    if not terms:
        return np.zeros((len(texts), dims))
    rare = np.array([np.log((1 + len(texts)) / (1 + frequency[term])) + 1 for term in terms])
    cells = [
        (row, terms[term], 1 + np.log(count))
        for row, counts in enumerate(counted)
        for term, count in sorted(counts.items())
    ]
    rows, columns, weights = (np.array(part) for part in zip(*cells, strict=True))
    matrix = csr_matrix((weights * rare[columns], (rows, columns)), shape=(len(texts), len(terms)))
    return unit_rows(np.asarray(matrix @ _signs(list(terms), dims)))


def _signs(terms: Sequence[str], dims: int) -> Floats:
    """Signs of each term in each dimension, from its hash."""
    seeds = [int(digest128(["sign", term])[:16], 16) for term in terms]
    return np.array([np.where(np.random.default_rng(seed).integers(0, 2, dims) == 1, 1.0, -1.0) for seed in seeds])


def unit_rows(vectors: Floats) -> Floats:
    """The rows divided by their lengths; zero rows stay zero."""
    lengths = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    return np.where(lengths > _ZERO, vectors / np.maximum(lengths, _ZERO), 0.0)


def k_means(vectors: Floats, clusters: int, seed: int) -> Ints:
    """The cluster of each row, from 0 on; at most as many clusters as different rows."""
    rounded = vectors.round(_DECIMALS)
    different = len(np.unique(rounded, axis=0))
    if different <= 1:
        return np.zeros(len(vectors), dtype=np.int64)
    random = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # then there is one less
        _, labels = kmeans2(rounded, min(clusters, different), iter=_ROUNDS, minit="++", rng=random, missing="warn")
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
