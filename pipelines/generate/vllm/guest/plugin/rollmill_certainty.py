"""Self-certainty where the logits are: a logits processor that changes nothing and sums KL(uniform || p) per token.

vLLM gives log-probabilities of a whole vocabulary only by sending all of them to another process, for every token. Here one
number per token is made from them in place. vLLM loads this module by name in its own processes; the sums are in a file
that those and the child map. It imports only torch, numpy and vLLM, nothing of Rollmill.

Source: Kang et al. 2025, arXiv:2502.18581; KL(U || p) = log sum exp(l) - mean(l) - log V for logits l over V tokens.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from vllm.v1.sample.logits_processor import LogitsProcessor  # noqa: TID253 (only vLLM's own processes load this module)

KEY = "rollmill_slot"  # in a request's extra_args: which row of the file is its own
FILE = "ROLLMILL_CERTAINTY_FILE"
RING = 64  # how many sums are kept of one request; the sampler may run ahead of the last token by one or two


def make(slots: int) -> None:
    """A temporary file of this size, named to the processes that we start; untouched parts of it take no room."""
    fd, path = tempfile.mkstemp(prefix="certainty-")
    os.truncate(fd, slots * RING * 8)
    os.close(fd)
    os.environ[FILE] = path


def cells(slots: int) -> Any:
    """The sums: row = request, column = tokens drawn so far, modulo RING."""
    return np.memmap(os.environ[FILE], dtype=np.float64, mode="r+", shape=(slots, RING))


class Certainty(LogitsProcessor):  # type: ignore[misc]
    """Adds up the terms of each row's requests; see `cells`."""

    def __init__(self, *_: Any) -> None:
        self._cells = cells(Path(os.environ[FILE]).stat().st_size // (8 * RING))
        self._rows: dict[int, tuple[int, list[int]]] = {}

    def is_argmax_invariant(self) -> bool:
        """False: such processors are asked on every step and before the temperature, whatever the sampling."""
        return False

    def update_state(self, batch_update: Any) -> None:
        """Follow the requests through the batch; the output's list belongs to the engine, which extends it."""
        if batch_update is None:
            return
        for index in batch_update.removed:
            self._rows.pop(index, None)
        for index, params, _, output in batch_update.added:
            slot = (params.extra_args or {}).get(KEY)
            self._put(index, None if slot is None else (slot, output))
        for first, second, direction in batch_update.moved:
            moving, resting = self._rows.pop(first, None), self._rows.pop(second, None)
            self._put(second, moving)
            self._put(first, resting if direction.name == "SWAP" else None)

    def _put(self, index: int, row: tuple[int, list[int]] | None) -> None:
        if row is None:
            self._rows.pop(index, None)
        else:
            self._rows[index] = row

    def apply(self, logits: Any) -> Any:
        """Note every row's term under the number of its token, so that a step done twice counts once."""
        if self._rows:
            terms = (logits.logsumexp(dim=-1) - logits.mean(dim=-1)).double().cpu().numpy() - np.log(logits.shape[-1])
            count = len(self._rows)
            rows = np.fromiter(self._rows, dtype=np.int64, count=count)
            slots = np.fromiter((slot for slot, _ in self._rows.values()), dtype=np.int64, count=count)
            drawn = np.fromiter((len(output) for _, output in self._rows.values()), dtype=np.int64, count=count)
            # A row of the file still holds the sums of the request that had it before.
            before = np.where(drawn == 0, 0.0, self._cells[slots, drawn % RING])
            self._cells[slots, (drawn + 1) % RING] = before + terms[rows]
        return logits
