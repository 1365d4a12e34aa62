"""Token batches of tests: sequences by the number of their trained tokens, and their log-probabilities by hand."""

from collections.abc import Sequence

import numpy as np

from pipelines.train.roles import Ints, TokenBatch


def ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)


def batch_of(
    lengths: Sequence[int],
    *,
    sides: Sequence[int] = (),
    groups: Sequence[int] = (),
    rows: Sequence[int] = (),
    weights: Sequence[float] = (),
) -> TokenBatch:
    """Sequences of so many trained tokens, each behind a prompt of one token."""
    count, width = len(lengths), max(lengths)
    return TokenBatch(
        ids=np.zeros((count, width), dtype=np.int64),
        places=ints([at * width + place for at, length in enumerate(lengths) for place in range(length)]),
        targets=ints([1] * sum(lengths)),
        sequence=ints([at for at, length in enumerate(lengths) for _ in range(length)]),
        row=ints(rows or range(count)),
        group=ints(groups or range(count)),
        side=ints(sides or [1] * count),
        weight=np.asarray(weights or [1.0] * count, dtype=np.float64),
    )
