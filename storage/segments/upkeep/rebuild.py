"""Registers the segment files of a lost ledger in a new one. Makes no row, and removes no file.

The footer of a file names its batches, their producer and run. For older files these are derived from the rows; a file
whose rows do not identify it is kept under the producer `recovered`, reachable by ids but not by name. An import is
registered and marked as incomplete, because only the ledger knew whether it had finished.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

import errno
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from rollmill.ground.errors import SetupError, Unavailable, is_machine_limit
from rollmill.ground.ids import digest128
from rollmill.storage.ledger.models import BatchRow, LostSegmentRow, RunBatchRow, SegmentRow
from rollmill.storage.ledger.owners import maker_of, this_process
from rollmill.storage.segments import seal
from rollmill.storage.segments.keys import KINDS, Kind, Segment, SegmentFile
from rollmill.storage.segments.place import TEMPORARY, Place
from rollmill.storage.segments.registry import SegmentRegistry
from rollmill.storage.segments.schema import columns_name
from rollmill.storage.segments.segment_files import BatchRows, facts_of, repaired_copy
from rollmill.storage.segments.views import IDENTITY, PathOf, keys
from rollmill.storage.segments.views import files as files_sql

UNKNOWN = "recovered"
# As `import_records.PREFIX`: modules of one layer of storage do not import one another.
IMPORTED = "import:"
_MAKERS = {"completions": ("engine", "model_digest"), "verdicts": ("verifier", "version"), "scores": ("scorer", "version")}


@dataclass(frozen=True, slots=True)
class File:
    """A readable segment file, and its batches."""

    written: SegmentFile
    batches: tuple[BatchRows, ...]
    at: float


@dataclass(slots=True)
class Rebuilt:
    """Result of a rebuild: files and rows registered again, by kind; skipped files, with the reason."""

    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    left: list[tuple[str, str]] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)


def rebuild(registry: SegmentRegistry, place: Place, connection: Any) -> Rebuilt:
    """Register every intact file of the place in one transaction, then bind the place to this ledger.

    In that order: after a kill between the two, the place still names the lost ledger, and the same command continues.
    SetupError if no ledger was lost, or a command of the lost ledger is still running.
    """
    _refuse(registry, place)
    report = Rebuilt()
    # The row registered first wins, so files are registered in the order of writing, where it is known.
    files = sorted(_files(place, report), key=lambda file: (file.at, file.written.id))
    files = _without_doubtful_verdicts(list(_without_copies(files, report)), place, connection, report)
    numbered = [Segment(**asdict(file.written), seq=number, overlaps=False) for number, file in enumerate(files, 1)]
    repeating = _repeating(numbered, lambda segment: place.path(segment.kind, segment.id), connection)
    with registry.ledger.write() as session:
        known = set(session.scalars(select(SegmentRow.id)))
        for number, file in enumerate(files, 1):
            if file.written.id not in known:
                _register(session, file, overlaps=number in repeating)
            report.files[file.written.kind] += 1
            report.rows[file.written.kind] += file.written.rows
        report.imports = sorted({file.written.producer for file in files if file.written.producer.startswith(IMPORTED)})
        for producer in report.imports:
            rows = sum(file.written.rows for file in files if file.written.producer == producer)
            _mark(session, producer, rows, registry.ledger.now(session))
    # Last: until then the place names the lost ledger, and the same command may be run again.
    place.own(registry.identity())
    return report


def _refuse(registry: SegmentRegistry, place: Place) -> None:
    owner = place.owner()
    if owner in (None, registry.identity()):
        raise SetupError(
            f"the ledger {registry.ledger.where} is the one of the segments in {place.where}: there is nothing to rebuild.",
            next_command="rollmill doctor",
        )
    mine = [segment for kind in KINDS for segment in registry.segments(kind)]
    if len(place.sizes([(segment.kind, segment.id) for segment in mine], fresh=True)) < len(mine):
        raise SetupError(
            f"the ledger {registry.ledger.where} has segments of its own, and those in {place.where} are another's.",
            next_command="correct [ledger] or [segments] in rollmill.toml or in the profile",
        )
    makers = {maker for _, file_id in place.files() if (maker := maker_of(file_id)) is not None}
    living = sorted(maker.pid for maker in makers if maker.alive() and maker.pid != this_process().pid)
    if living:
        raise SetupError(
            f"process {living[0]} still writes into {place.where} for the lost ledger.",
            next_command=f"end it (kill {living[0]}), then rollmill doctor --rebuild",
        )


def _files(place: Place, report: Rebuilt) -> Iterator[File]:
    for path, file_id in list(place.files()):  # corrected copies are new files
        name, kind = path.rsplit("/", 1)[-1], cast("Kind", path.split("/")[-3])
        if name.startswith(TEMPORARY) or kind not in KINDS:
            continue
        try:
            whole = repaired_copy(place, kind, file_id)
            yield _file(place, kind, whole[0] if whole else file_id, path)
            if whole:
                report.left.append((path, f"its statistics were damaged; its rows are in {whole[0]} now"))
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
            if is_machine_limit(error):
                raise
            if isinstance(error, OSError) and error.errno == errno.EIO:
                raise _unreadable(path) from error
            report.left.append((path, f"cannot be used ({str(error).splitlines()[0][:120]})"))


def _unreadable(path: str) -> Unavailable:
    """The error for an unreadable file. Skipped, it would be swept away by the next command, though the disk may
    recover."""
    return Unavailable(
        f"the disk could not read {path} (input/output error); nothing was registered.",
        next_command="look at the disk (dmesg) and run the same command again; a file that stays unreadable, move away:"
        " its rows are drawn again",
    )


def _file(place: Place, kind: Kind, file_id: str, path: str) -> File:
    """Facts from the footer of one file; ValueError for a file that changed since it was written."""
    import pyarrow.parquet as pq

    with place.open(kind, file_id) as raw:
        checksum = hashlib.file_digest(raw, "sha256").hexdigest()
        size = raw.tell()
        raw.seek(0)
        parquet = pq.ParquetFile(raw)
        rows, schema, facts = parquet.metadata.num_rows, parquet.schema_arrow, facts_of(parquet)
        if facts is not None:
            if not seal.is_whole(raw, facts[-1]):
                raise ValueError("altered: its seal differs")
            producer, version, batches, at = facts[:-1]
        else:
            columns_read = parquet.read([name for name in schema.names if name in ("id", *_MAKERS.get(kind, ()))])
            producer, version, batches = _inferred(kind, file_id, rows, columns_read.to_pylist())
            at = place.modified(path)
    columns = columns_name(pa.schema([(field.name, _plain(field.type)) for field in schema]))
    return File(SegmentFile(file_id, kind, producer, version, rows, size, checksum, columns), batches, at)


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type with Arrow's name for the values of lists; Parquet uses another."""
    return pa.list_(kind.value_type) if pa.types.is_list(kind) else kind


def _inferred(
    kind: Kind, file_id: str, rows: int, rows_read: Sequence[dict[str, Any]]
) -> tuple[str, str, tuple[BatchRows, ...]]:
    """Producer, version and batch of a file without a footer of ours, derived from its rows."""
    makers = {tuple(row[name] for name in _MAKERS[kind]) for row in rows_read} if kind in _MAKERS else set()
    # Imported rows name the engine `imported`, and not their import.
    if len(makers) != 1 or "imported" in (maker := makers.pop()):
        return UNKNOWN, "1", (BatchRows(file_id, rows, None),)
    ids = sorted(row["id"] for row in rows_read) if kind == "completions" else [file_id]
    return maker[0], maker[1], (BatchRows(digest128([kind, ids]), rows, None),)


def _without_copies(files: Sequence[File], report: Rebuilt) -> Iterator[File]:
    """Each batch once: of several copies by compaction and races, the file with most batches, then the first."""
    taken: dict[tuple[str, ...], str] = {}
    for file in sorted(files, key=lambda file: -len(file.batches)):
        for batch in file.batches:
            # The sort is stable, so of files with equally many batches the one written first keeps it.
            taken.setdefault(_key(file, batch), file.written.id)
    for file in files:
        mine = tuple(batch for batch in file.batches if taken[_key(file, batch)] == file.written.id)
        if mine:
            yield replace(file, batches=mine)
        else:
            report.left.append((file.written.id, "its batches are in another file"))


def _key(file: File, batch: BatchRows) -> tuple[str, ...]:
    return file.written.kind, file.written.producer, file.written.version, batch.batch_id


def _without_doubtful_verdicts(files: list[File], place: Place, connection: Any, report: Rebuilt) -> list[File]:
    """The files without verdicts on completions that are stored with two texts: which text was judged is unknown."""
    paths: dict[str, list[str]] = {
        kind: [place.path(kind, f.written.id) for f in files if f.written.kind == kind] for kind in KINDS
    }
    if not paths["completions"] or not paths["verdicts"]:
        return files
    completions, verdicts = (files_sql(paths[kind]) for kind in ("completions", "verdicts"))
    several = (
        f"SELECT id FROM read_parquet({completions}, hive_partitioning=false) GROUP BY id HAVING count(DISTINCT text) > 1"
    )
    doubtful = connection.execute(
        f"SELECT DISTINCT filename FROM read_parquet({verdicts}, filename=true, hive_partitioning=false) "
        f"WHERE completion_id IN ({several})"
    ).fetchall()
    names = {name for (name,) in doubtful}
    report.left += [(name, "verdicts on completions stored with two texts") for name in sorted(names)]
    return [file for file in files if place.path(file.written.kind, file.written.id) not in names]


def _repeating(segments: Sequence[Segment], path_of: PathOf, connection: Any) -> set[int]:
    """Numbers of the segments that repeat a row of an earlier segment or of their own."""
    repeating: set[int] = set()
    for kind in IDENTITY:
        mine = [segment for segment in segments if segment.kind == kind]
        if mine:
            rows = connection.execute(
                "SELECT DISTINCT seq FROM (SELECT seq, row_number() OVER (PARTITION BY key ORDER BY seq) AS place "
                f"FROM ({keys(kind, mine, path_of)})) WHERE place > 1"
            ).fetchall()
            repeating |= {seq for (seq,) in rows}
    return repeating


def _register(session: Session, file: File, *, overlaps: bool) -> None:
    written = file.written
    # Flushed in this order: a batch refers to its segment, and a link to the number of the batch.
    session.add(SegmentRow(**asdict(written), overlaps=overlaps, created_at=file.at))
    session.flush()
    maker = {"kind": written.kind, "producer": written.producer, "version": written.version, "segment_id": written.id}
    for stored in file.batches:
        batch = BatchRow(**maker, batch_id=stored.batch_id, rows=stored.rows, created_at=file.at)
        session.add(batch)
        session.flush()
        if stored.run is not None:
            session.add(RunBatchRow(run_id=stored.run, batch=batch.id))


def _mark(session: Session, producer: str, rows: int, now: float) -> None:
    """Record that rows of an import may be missing."""
    facts = {"kind": "completions", "producer": producer, "version": "1", "rows": rows, "batches": list[str]()}
    # Merged, as a rebuild may be run again after a kill.
    session.merge(
        LostSegmentRow(id=f"ledger:{producer}", **facts, problem="registered again without its record", found_at=now)
    )


def lines_of(report: Rebuilt) -> Iterable[str]:
    """The result of a rebuild in lines for a person."""
    for kind in KINDS:
        if report.files[kind]:
            yield f"registered again: {report.files[kind]:,} files with {report.rows[kind]:,} {kind}"
    for producer in report.imports:
        yield f"import {producer.removeprefix(IMPORTED)}: its rows are here; whether all of them only the ledger knew"
    for path, why in report.left:
        yield f"left aside: {path}: {why}"
