"""Nearest neighbours of vectors by cosine, from an inverted file: only near clusters are searched.

Spherical k-means over a seeded sample gives about sqrt(n) clusters, and the rows of a cluster are compared with the rows of
its nearest clusters, block by block (Sivic & Zisserman 2003, inverted file). The result is approximate: neighbours in other
clusters are missed. Memory grows with rows times neighbours.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from rollmill.methods import Ints

SAMPLE = 20  # rows for each cluster, from which its centre is computed
TURNS = 8  # of k-means
PROBES = 8  # clusters at least that are looked at
SPARE = 4  # rows looked at for each neighbour wanted, at least
CELLS = 1 << 22  # cosines of a block
Singles = npt.NDArray[np.float32]


def nearest_rows(vectors: Singles, of: Ints, neighbours: int, seed: int) -> csr_matrix:
    """Cosines above 0 of the rows `of` to their nearest rows, (len(of), rows), at most `neighbours` in each row.

    `vectors`: (rows, dims), each of length 1 or 0.
    """
    centres = _centres(vectors, seed)
    cluster = _assigned(vectors, centres)
    members = [np.flatnonzero(cluster == at) for at in range(len(centres))]
    sizes = np.array([len(rows) for rows in members])
    near = np.argsort(-(centres @ centres.T), axis=1, kind="stable")
    parts: list[tuple[Ints, Ints, Singles]] = []
    for at in np.unique(cluster[of]):
        asked = np.flatnonzero(cluster[of] == at)
        probes = max(PROBES, int(np.searchsorted(np.cumsum(sizes[near[at]]), SPARE * neighbours)) + 1)
        candidates = np.sort(np.concatenate([members[other] for other in near[at][:probes]]))
        block = max(1, CELLS // len(candidates))
        parts += [
            _best(vectors, of[places], places, candidates, neighbours)
            for places in (asked[start : start + block] for start in range(0, len(asked), block))
        ]
    rows, columns, values = (np.concatenate([part[axis] for part in parts]) for axis in range(3))
    return csr_matrix((values, (rows, columns)), shape=(len(of), len(vectors)))


def _best(
    vectors: Singles, of: Ints, places: Sequence[int] | Ints, candidates: Ints, neighbours: int
) -> tuple[Ints, Ints, Singles]:
    """Places, columns and cosines of the nearest candidates of some rows, ties by column."""
    cosines = vectors[of] @ vectors[candidates].T
    if neighbours < len(candidates):
        best = np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]
        cosines, columns = np.take_along_axis(cosines, best, axis=1), candidates[best]
    else:
        columns = np.broadcast_to(candidates, cosines.shape)
    above = cosines > 0
    rows = np.broadcast_to(np.asarray(places)[:, None], cosines.shape)
    return rows[above], columns[above], cosines[above]


def _centres(vectors: Singles, seed: int) -> Singles:
    """Centres of the clusters, of length 1; an empty cluster keeps its centre."""
    clusters = max(1, round(len(vectors) ** 0.5))
    sample = vectors[np.random.default_rng(seed).permutation(len(vectors))[: SAMPLE * clusters]]
    centres = sample[:clusters].copy()
    for _ in range(TURNS):
        label = _assigned(sample, centres)
        sums = (
            csr_matrix((np.ones(len(sample), np.float32), (label, np.arange(len(sample)))), (clusters, len(sample)))
            @ sample
        )
        lengths = np.sqrt((sums**2).sum(axis=1, keepdims=True))
        centres = np.where(lengths > 0, sums / np.maximum(lengths, np.finfo(np.float32).tiny), centres)
    return centres


def _assigned(vectors: Singles, centres: Singles) -> Ints:
    """The nearest centre of each row, block by block."""
    blocks = [np.argmax(vectors[at : at + 8_192] @ centres.T, axis=1) for at in range(0, len(vectors), 8_192)]
    return np.concatenate(blocks).astype(np.int64)
