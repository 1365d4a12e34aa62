"""Counting over columns of ids in bounded memory. Knows Arrow only."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def distinct(ids: pa.ChunkedArray) -> int:
    """How many different texts there are."""
    return len(ids) - int(pc.sum(_repeats(_in_order(ids))).as_py() or 0)


def repeated(ids: pa.ChunkedArray) -> frozenset[str]:
    """The texts that stand there more than once; few, if any, where each completion belongs to one problem."""
    ordered = _in_order(ids)
    return frozenset(pc.unique(ordered[1:].filter(_repeats(ordered))).to_pylist())


def _in_order(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return ids.take(pc.sort_indices(ids))


def _repeats(ordered: pa.ChunkedArray) -> Any:
    """Of each text but the first, whether it is the one before."""
    return pc.equal(ordered[1:], ordered[:-1])
