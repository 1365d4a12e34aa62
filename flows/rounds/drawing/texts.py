"""The stored completions that a round has still to judge, read once in the order of its batches. Draws and judges nothing.

Imported rollouts, and those of a resumed or re-verified run, are stored in another order than the plan's: separate look-ups
would read all of them for every batch.
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from rollmill.flows.rounds.drawing.batches import MissingWork, PlanBatch
from rollmill.ground.records import Completion
from rollmill.storage.rollouts import completions_by_id
from rollmill.storage.workspace import Workspace

Placed = tuple[int, Completion]


class BatchTexts:
    """Completions by batch, from one pass over the store. For one thread; close it."""

    def __init__(self, ws: Workspace, todo: Iterable[tuple[PlanBatch, MissingWork]]) -> None:
        self._ws = ws
        self._spans: dict[str, tuple[int, int]] = {}
        parts, start = [pa.array([], pa.string())], 0
        for batch, work in todo:
            # Arrow strings: the ids of all batches are held at once, and Python strings take over twice the memory.
            parts.append(pa.array(_stored(work), pa.string()))
            self._spans[batch.id] = start, start + len(parts[-1])
            start += len(parts[-1])
        self._order = pa.chunked_array(parts)
        self._rows: Iterator[Placed] | None = None
        self._next: Placed | None = None
        self._passed = 0

    def of(self, batch: PlanBatch, work: MissingWork) -> dict[str, Completion]:
        """The stored completions of the rows of a batch that are not judged.

        A batch out of order (another command held it) is looked up separately.
        """
        wanted = _stored(work)
        span = self._spans.get(batch.id) if wanted else None
        texts = {} if span is None else self._ahead(*span)
        return texts | completions_by_id(self._ws, set(wanted) - texts.keys())

    def _ahead(self, start: int, end: int) -> dict[str, Completion]:
        """Completions from `start` to `end` of the order; empty if the reader is already past `start`."""
        texts: dict[str, Completion] = {}
        if start < self._passed:
            return texts
        if self._rows is None:
            self._rows = self._ws.segments.fetch_in_order("completions", self._order)
            self._next = next(self._rows, None)
        while self._next is not None and self._next[0] < end:
            place, completion = self._next
            if place >= start:
                texts[completion.id] = completion
            self._next = next(self._rows, None)
        self._passed = end
        return texts

    def close(self) -> None:
        """Release the texts read ahead."""
        close = getattr(self._rows, "close", None)
        if close is not None:
            close()


def _stored(work: MissingWork) -> list[str]:
    """The completions of unjudged rows that are in the store, in plan order."""
    missing = set(work.missing)
    return list(dict.fromkeys(row.completion_id for row in work.unjudged if row.completion_id not in missing))
