"""Token batches of tests: sequences by the number of their trained tokens, and their log-probabilities by hand."""

from collections.abc import Sequence

import numpy as np

from rollmill.pipelines.train.roles import Ints, TokenBatch


def ints(values: Sequence[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)


def batch_of(
    lengths: Sequence[int],
    *,
    sides: Sequence[int] = (),
    groups: Sequence[int] = (),
    rows: Sequence[int] = (),
    weights: Sequence[float] = (),
    chances: Sequence[Sequence[float]] = (),
) -> TokenBatch:
    """Sequences of so many trained tokens, each behind a prompt of one token. `chances`: of a teacher's at each place."""
    count, width = len(lengths), max(lengths)
    trained = [(at, at * width + place) for at, length in enumerate(lengths) for place in range(length)]
    times = [len(likely) for likely in chances] or [1] * len(trained)
    return TokenBatch(
        ids=np.zeros((count, width), dtype=np.int64),
        places=ints([place for (_, place), many in zip(trained, times, strict=True) for _ in range(many)]),
        targets=ints([1] * sum(times)),
        sequence=ints([at for (at, _), many in zip(trained, times, strict=True) for _ in range(many)]),
        row=ints(rows or range(count)),
        group=ints(groups or range(count)),
        side=ints(sides or [1] * count),
        weight=np.asarray(weights or [1.0] * count, dtype=np.float64),
        chance=np.asarray([chance for likely in chances for chance in likely]) if chances else None,
    )
