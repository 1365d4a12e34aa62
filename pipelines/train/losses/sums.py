"""Sums of token log-probabilities over sequences and rows, as torch tensors."""

from typing import Any

from rollmill.pipelines.train.roles import TokenBatch


def per_sequence(batch: TokenBatch, values: Any) -> Any:
    """Sum of the values (n,) of each sequence: (sequences,)."""
    import torch

    return torch.zeros(batch.sequences, dtype=values.dtype).index_add(0, torch.from_numpy(batch.sequence), values)


def lengths(batch: TokenBatch, like: Any) -> Any:
    """Trained tokens of each sequence, at least 1, in the type of `like`."""
    import numpy as np
    import torch

    counts = np.bincount(batch.sequence, minlength=batch.sequences)
    return torch.from_numpy(np.maximum(counts, 1)).to(like.dtype)


def sided(batch: TokenBatch, values: Any) -> tuple[Any, Any]:
    """Values of the chosen and of the rejected sequences, row by row."""
    import torch

    side = torch.from_numpy(batch.side)
    return values[side > 0], values[side < 0]
