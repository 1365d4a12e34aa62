"""Imported records to segments, in batches of bounded size that are registered together. Knows no files and no columns.

A batch is one segment per kind. Its id hashes the ids in it, so storing the same rows again finds the same key and adds
nothing. An import that is interrupted registers nothing: its rows are not an import, and the next command removes them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Self

from sqlalchemy.orm import Session

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem
from rollmill.storage.import_records import ImportRecord
from rollmill.storage.imports.reading.columns import Columns
from rollmill.storage.imports.reading.limits import MAX_WAITING
from rollmill.storage.imports.scan import source_rows
from rollmill.storage.imports.spec import Findings, ImportCount, ImportReport, ImportSpec
from rollmill.storage.imports.stored import UPDATE
from rollmill.storage.segments.keys import Commit, Kind, SegmentKey
from rollmill.storage.workspace import Workspace

FORMAT = "1"


class ImportWriter:
    """Writes new records and counts those that the import already holds. A context manager: without `finish`, nothing
    of it stays.
    """

    def __init__(self, ws: Workspace, spec: ImportSpec, *, dry_run: bool) -> None:
        self._ws = ws
        self._spec = spec
        self._dry_run = dry_run
        # Before anything is read: `finish` compares with it what others did meanwhile.
        self._before = ws.imports.mark(spec.sets)
        self._known: dict[Kind, set[str]] = {}
        self._held: dict[Kind, list[Any]] = {}
        self._counts = Counter[tuple[Kind, bool]]()
        self._sizes = Counter[Kind]()
        self._opened = ExitStack()
        self.update = 0
        """The number of the update that the completions are of; 0 for none."""

    def know(self, kind: Kind, ids: Sequence[str]) -> None:
        """Ids of a kind that the import already holds."""
        self._known.setdefault(kind, set()).update(ids)

    def add(self, kind: Kind, record: Any) -> None:
        """Hold one record for the next batch, unless the import has it."""
        known = self._known.setdefault(kind, set())
        # In a dry run as well: a record that the file repeats is new once.
        new = record.id not in known
        self._counts[kind, new] += 1
        if not new:
            return
        known.add(record.id)
        if self._dry_run:
            return
        waiting = self._held.setdefault(kind, [])
        waiting.append(record)
        self._sizes[kind] += _bytes(record)
        # By bytes too: a few rows of very long texts would fill the memory.
        if len(waiting) >= self._spec.batch_rows or self._sizes[kind] >= MAX_WAITING:
            self._write(kind)

    def count(self, kind: Kind) -> ImportCount:
        """Number of new records of a kind, and of those already stored."""
        return ImportCount(self._counts[kind, True], self._counts[kind, False])

    def finish(self, columns: Columns, found: Findings, *, of: str | None = None) -> ImportReport:
        """Register all written segments and the record of the import in one ledger transaction; returns the counts.

        Rows with a fault are written to their file before that.
        """
        if found.faults.reasons and self._spec.set_aside is not None and not self._dry_run:
            found.faults.write(source_rows(self._spec), self._spec.set_aside)
        report = ImportReport(
            name=self._spec.name,
            file=str(self._spec.path),
            rows=found.rows,
            of=of,
            problems=self.count("problems"),
            completions=self.count("completions"),
            mapping=columns.shown(),
            columns=columns.present,
            notes=tuple(found.notes),
            samples=tuple(found.samples),
            dry_run=self._dry_run,
            format=columns.format,
            faults=found.faults.kinds(),
            set_aside=len(found.faults) if self._spec.set_aside is not None else 0,
            uses=tuple(found.uses),
        )
        if not self._dry_run:
            for kind in list(self._held):
                self._write(kind)
            with self._nothing_stored():
                self._bulk.register(lambda session, commits: self._record(session, commits, report))
        return report

    def __enter__(self) -> Self:
        self._bulk = self._opened.enter_context(self._ws.segments.bulk())
        return self

    def __exit__(self, *raised: Any) -> None:
        self._opened.__exit__(*raised)

    def _write(self, kind: Kind) -> None:
        records = self._held.pop(kind, [])
        if records:
            self._sizes[kind] = 0
            # A version of its own: readers take the labels of the segments with the highest number.
            version = f"{FORMAT}{UPDATE}{self.update}" if self.update and kind == "completions" else FORMAT
            key = SegmentKey(kind, self._spec.producer, version, digest128([record.id for record in records]))
            with self._nothing_stored():
                self._bulk.write(key, records)

    @contextmanager
    def _nothing_stored(self) -> Iterator[None]:
        """A full disk, or another command that was faster, in the words of an import."""
        try:
            yield
        except SetupError as error:
            message = f"{error.message} Nothing of {self._spec.path} was stored."
            raise SetupError(message, choices=error.choices, next_command=error.next_command) from error

    def _record(self, session: Session, commits: Sequence[Commit], report: ImportReport) -> None:
        record = ImportRecord(
            name=report.name,
            kind="rollouts" if report.of is not None else "problems",
            of=report.of,
            file=str(self._spec.path.resolve()),
            rows=report.rows,
            problems=report.problems.new,
            completions=report.completions.new,
            mapping=report.mapping,
            notes=list(report.notes),
        )
        # Redundant batches were there before; any others that came since are those of another command.
        new = sum(not commit.redundant for commit in commits)
        self._ws.imports.add(session, record, self._spec.sets, self._before, new=new)


def _bytes(record: Problem | Completion) -> int:
    """About those of its texts: of its prompt or answer, its turns, its tests, what came with it."""
    if isinstance(record, Completion):
        texts = [record.text, record.reasoning or "", *(turn.content for turn in record.messages or ())]
    else:
        prompt = [record.prompt] if isinstance(record.prompt, str) else [turn.content for turn in record.prompt]
        texts = [*prompt, record.reference, *record.tests]
    others = sum(len(value) if isinstance(value, str) else 64 for value in record.meta.values())
    # An ASCII text has as many bytes as characters, and need not be encoded to be counted.
    return others + sum(len(text) if text.isascii() else len(text.encode("utf-8", "replace")) for text in texts)
