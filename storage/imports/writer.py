"""Imported records to segments, in batches of bounded size. Knows no files and no columns.

A batch is one segment per kind, registered together. Its id hashes the ids in it, so storing the same rows again finds the
same key and adds nothing.
"""

from collections.abc import Sequence
from typing import Any

from storage.ids import digest128
from storage.imports.report import Count
from storage.segments.keys import SegmentKey
from storage.segments.schema import Kind
from storage.segments.store import SegmentStore

FORMAT = "1"


class Writer:
    """Collects new records and commits them; counts those that the import already holds."""

    def __init__(self, store: SegmentStore, producer: str, *, batch_rows: int, dry_run: bool) -> None:
        self._store = store
        self._producer = producer
        self._batch_rows = batch_rows
        self._dry_run = dry_run
        self._known: dict[Kind, set[str]] = {}
        self._held: dict[Kind, list[Any]] = {}
        self._counts: dict[Kind, Count] = {}

    def know(self, kind: Kind, ids: Sequence[str]) -> None:
        """Ids of a kind that the import already holds."""
        self._known.setdefault(kind, set()).update(ids)

    def add(self, kind: Kind, record: Any) -> None:
        """Hold one record for the next batch, unless the import has it."""
        new = record.id not in self._known.setdefault(kind, set())
        self._counts[kind] = self.count(kind) + Count(int(new), int(not new))
        if not new:
            return
        self._known[kind].add(record.id)
        if self._dry_run:
            return
        held = self._held.setdefault(kind, [])
        held.append(record)
        if len(held) >= self._batch_rows:
            self.flush()

    def flush(self) -> None:
        """Commit everything held, all kinds in one ledger transaction."""
        items = [(self._key(kind, records), records) for kind, records in self._held.items() if records]
        if items:
            self._store.commit_many(items)
        self._held = {}

    def count(self, kind: Kind) -> Count:
        """How many records of a kind were new, and how many already there."""
        return self._counts.get(kind, Count())

    def _key(self, kind: Kind, records: Sequence[Any]) -> SegmentKey:
        return SegmentKey(kind, self._producer, FORMAT, digest128([record.id for record in records]))
