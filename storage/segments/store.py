"""The segment store: the interface for committing and reading rows. Knows no recipe and no step.

Commits go through `writing`, the ledger through `registry`, reads through in-memory DuckDB over the registered files.
Usable from several threads; several processes each open their own store on the same workspace.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rollmill.ground.errors import CorruptSegment, SetupError
from rollmill.ground.records import Score, Verdict
from rollmill.storage.segments.index import IdentityIndex
from rollmill.storage.segments.instance import instance, shared_cursor, without_cache
from rollmill.storage.segments.keys import KINDS, Commit, Kind, LostSegment, Segment, SegmentKey
from rollmill.storage.segments.place import Place
from rollmill.storage.segments.registry import SegmentRegistry
from rollmill.storage.segments.rows import Rows, packed
from rollmill.storage.segments.schema import CHUNK, SCHEMAS, Record, from_table, text_array
from rollmill.storage.segments.views import IDENTITY, SEPARATOR, files, select
from rollmill.storage.segments.writing import Also, Before, Bulk, Item, SegmentWriter

if TYPE_CHECKING:
    import duckdb

Positions = npt.NDArray[np.int64]
JUDGEMENTS: tuple[Kind, ...] = ("verdicts", "outcomes", "scores")
LOOK = 50_000  # identities that are looked up at a time
DEEP_BYTES = 256 << 20  # bytes; a smaller store is fully checked against its checksums when a writing command starts


class SegmentStore:
    """Rows of every kind in one workspace."""

    def __init__(self, registry: SegmentRegistry, place: Place) -> None:
        self.registry = registry
        self.place = place
        self._lock = threading.Lock()
        self._verified: set[str] = set()  # files whose content this process has compared with its checksum
        self._opened: IdentityIndex | None = None
        self._own: duckdb.DuckDBPyConnection | None = None

    def commit(self, key: SegmentKey, records: Sequence[Record], *, run: str | None = None) -> Commit:
        """Store one batch durably and link it to a run; redundant if the batch is already stored."""
        return self.commit_many([(key, records)], run=run)[0]

    def commit_many(
        self, items: Sequence[Item], *, run: str | None = None, also: Also | None = None, before: Before | None = None
    ) -> list[Commit]:
        """Store several batches, all or none, registered in one transaction, to which `before` and `also` add."""
        with self.naming_damaged_files():
            return SegmentWriter(self.registry, self.place, self._index()).commit(items, run, also, before)

    @contextmanager
    def bulk(self) -> Iterator[Bulk]:
        """Batches that are written as they come and registered together at the end; unregistered files are removed."""
        with self.naming_damaged_files(), Bulk(SegmentWriter(self.registry, self.place, self._index())) as bulk:
            yield bulk

    def has(self, key: SegmentKey) -> bool:
        """True for a registered batch."""
        with self.registry.ledger.read() as session:
            return self.registry.batch(session, key) is not None

    def present(self, kind: Kind, ids: Sequence[str]) -> set[str]:
        """The stored ones of these problem or completion ids."""
        stored, _ = self._find(kind, ids)
        return {ids[position] for position in stored.tolist()}

    def foreign(self, kind: Kind) -> int:
        """A counter that grows with others' commits: files in this store that this process did not commit."""
        index = self._index()
        with self.naming_damaged_files(), index.lock:
            index.update(kind, self.registry.segments(kind))
            return index.met[kind]

    def scored(self, scorer: str, version: str, pairs: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """The (completion id, problem id) pairs of these with a score by this scorer."""
        stored, _ = self._find("scores", [SEPARATOR.join((*pair, scorer, version)) for pair in pairs])
        return {pairs[position] for position in stored.tolist()}

    def fetch(self, kind: Kind, ids: Sequence[str]) -> list[Any]:
        """The stored problems or completions with these ids, in the order of `ids`; unknown ids are left out."""
        stored, segments = self._find(kind, ids)
        rows = self._rows(kind, segments, [(ids[position],) for position in stored.tolist()])
        records = {record.id: record for record in rows}
        return [records[wanted] for wanted in dict.fromkeys(ids) if wanted in records]

    def fetch_in_order(
        self, kind: Kind, ids: Sequence[str] | pa.ChunkedArray, columns: Sequence[str] = ("*",)
    ) -> Iterator[tuple[int, Any]]:
        """As `fetch`, for many ids in bounded memory: (position in `ids`, record), once per occurrence of an id."""
        from rollmill.storage.segments.ordered import in_order

        wanted = ids if isinstance(ids, pa.ChunkedArray) else pa.chunked_array([text_array(ids)])
        places, segments = self._find(kind, wanted)
        if len(places):
            stored = wanted if len(places) == len(wanted) else wanted.take(places)
            with self.naming_damaged_files(), self.connection() as connection:
                rows = f"SELECT {', '.join(columns)} FROM ({select(kind, segments, self.path)})"  # noqa: S608
                for position, record in in_order(connection, kind, rows, stored):
                    yield int(places[position]), record

    def column(self, kind: Kind, name: str, ids: Sequence[str]) -> dict[str, Any]:
        """Values of one column by id, for the stored rows with these ids; reads no other column, leaves unknown ids out."""
        stored, segments = self._find(kind, ids)
        table = self._table(kind, segments, [(ids[position],) for position in stored.tolist()], f"id, {name}")
        return dict(zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True))

    def fetch_verdicts(self, verifiers: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """The stored verdicts of these (verifier, version) on these (completion id, problem id), pair by pair."""
        return self._records_of("verdicts", verifiers, pairs)

    def fetch_scores(self, scorers: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> list[Score]:
        """The stored scores by these (scorer, version) on these (completion id, problem id), pair by pair."""
        return self._records_of("scores", scorers, pairs)

    def _records_of(self, kind: Kind, makers: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> list[Any]:
        """Records by these (maker, version) on these (completion id, problem id), pair by pair."""
        wanted = [(*pair, *maker) for pair in dict.fromkeys(pairs) for maker in makers]
        stored, segments = self._find(kind, [SEPARATOR.join(identity) for identity in wanted])
        rows = self._rows(kind, segments, [wanted[position] for position in stored.tolist()])
        identity = attrgetter(*IDENTITY[kind])
        records = {identity(row): row for row in rows}
        return [records[key] for key in wanted if key in records]

    def read(
        self,
        kind: Kind,
        *,
        producer: str | None = None,
        version: str | None = None,
        columns: Sequence[str] = (),
        where: str = "true",
    ) -> pa.Table:
        """All stored rows of a kind, of one producer and version if given, in registration order.

        `columns`: the columns to read. `where`: an SQL condition on the rows.
        """
        with self.naming_damaged_files(), self.cursor() as connection:
            schema = pa.schema([SCHEMAS[kind].field(name) for name in columns or SCHEMAS[kind].names])
            relation = connection.sql(self._reading(kind, (producer, version), schema.names, where))
            rows: pa.Table = relation.to_arrow_table()
            return rows.cast(schema)

    def rows(self, kind: Kind, *, producer: str, version: str, where: str = "true") -> Rows[Any]:
        """Rows as by `read`, for many of them: packed during the read."""
        with self.naming_damaged_files(), self.cursor() as connection:
            relation = connection.sql(self._reading(kind, (producer, version), SCHEMAS[kind].names, where))
            batches = relation.to_arrow_reader(CHUNK)
            return Rows.joined(kind, [packed(kind, pa.Table.from_batches([batch])) for batch in batches])

    def _reading(self, kind: Kind, maker: tuple[str | None, str | None], columns: Sequence[str], where: str) -> str:
        """SELECT of the rows of `read`, of one producer and version (`maker`)."""
        segments = [
            segment
            for segment in self.readable(self.registry.segments(kind))
            if maker[0] in (None, segment.producer) and maker[1] in (None, segment.version)
        ]
        return f"SELECT {', '.join(columns)} FROM ({select(kind, segments, self.path)}) WHERE {where}"  # noqa: S608

    def connect(self) -> "duckdb.DuckDBPyConnection":
        """An in-memory DuckDB with a view per kind over the files registered now; the caller closes it."""
        connection = self.connection()
        with self.naming_damaged_files():
            for kind in KINDS:
                segments = self.readable(self.registry.segments(kind))
                connection.execute(f"CREATE VIEW {kind} AS {select(kind, segments, self.path)}")
        return connection

    def connection(self) -> "duckdb.DuckDBPyConnection":
        """An in-memory DuckDB without views that can read this store's files; the caller closes it."""
        connection = instance()
        filesystem = self.place.filesystem()
        if filesystem is not None:
            connection.register_filesystem(filesystem)
        return connection

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """A connection to a kept instance for one query that creates and sets nothing; the caller closes it."""
        if self.place.filesystem() is None:
            return shared_cursor()
        with self._lock:
            # A driver is registered with an instance, and must not be in the one that all stores of a process share.
            if self._own is None:
                self._own = without_cache(self.connection())
            return self._own.cursor()

    def readable(self, segments: Sequence[Segment]) -> list[Segment]:
        """Segments whose file exists with its full length; readers skip the others.

        A file is compared with its registered checksum before its first read in a process: a flipped byte in a Parquet page
        would read as another value. CorruptSegment for a file that differs; it is unregistered first.
        """
        sizes = self.place.sizes((segment.kind, segment.id) for segment in segments)
        whole = [segment for segment in segments if sizes.get(segment.id) == segment.bytes]
        altered = []
        for segment in whole:
            if segment.id not in self._verified:
                if self.place.digest(segment.kind, segment.id) == segment.checksum:
                    self._verified.add(segment.id)
                else:
                    altered.append(segment)
        if altered:
            raise self._corrupt(altered)
        return whole

    def _corrupt(self, altered: Sequence[Segment]) -> CorruptSegment:
        """Unregister these segments, if the ledger is writable; the error names the first."""
        problem = "altered (its checksum differs)"
        if not self.registry.ledger.read_only:
            with self.registry.ledger.write() as session:
                for segment in altered:
                    self.registry.lose(session, segment, problem, self.path(segment))
        more = f", like {len(altered) - 1} more" if len(altered) > 1 else ""
        return CorruptSegment(
            self.path(altered[0]), f"{problem}{more}; it is unregistered, the same command again makes its rows again"
        )

    def unregister_judgements(self, ids: Sequence[str]) -> None:
        """Unregister verdicts and scores of the completions in `ids` that are not stored: their texts are lost.

        A server may draw another text the second time. Whole segments are unregistered: their other rows are judged again
        too.
        """
        absent = sorted(set(ids) - self.present("completions", ids))
        for kind in JUDGEMENTS if absent else ():
            segments = {self.path(segment): segment for segment in self.readable(self.registry.segments(kind))}
            if not segments:
                continue
            with self.naming_damaged_files(), self.cursor() as connection:
                connection.register("absent", pa.table({"completion_id": text_array(absent)}))
                about = connection.execute(
                    f"SELECT DISTINCT filename FROM read_parquet({files(list(segments))}, filename=true, "  # noqa: S608
                    "hive_partitioning=false) SEMI JOIN absent USING (completion_id)"
                ).fetchall()
            with self.registry.ledger.write() as session:
                for (path,) in about:
                    self.registry.lose(session, segments[path], "about texts that were lost", path)

    def path(self, segment: Segment) -> str:
        """The path or URL of a segment's file."""
        return self.place.path(segment.kind, segment.id)

    def check(self, *, deep: bool = False) -> list[LostSegment]:
        """Find missing and short files (deep: also altered ones), unregister them and list them."""
        from rollmill.storage.segments.checking import check

        # Listed before the check: a segment registered meanwhile may not have been read.
        before = [segment for kind in KINDS for segment in self.registry.segments(kind)] if deep else []
        lost = check(self.registry, self.place, deep=deep)
        self._verified.update({segment.id for segment in before} - {segment.segment_id for segment in lost})
        return lost

    def check_at_start(self) -> list[LostSegment]:
        """As `check`, deep where that takes a fraction of a second; files of larger stores are checked when they are
        read."""
        size = sum(segment.bytes for kind in KINDS for segment in self.registry.segments(kind))
        return self.check(deep=size <= DEEP_BYTES)

    def close(self) -> None:
        """Release the index and the store's own instance; safe to call twice."""
        with self._lock:
            own, self._own, self._opened = self._own, None, None
        if own is not None:
            own.close()

    def _index(self) -> IdentityIndex:
        with self._lock:
            if self._opened is None:
                self._opened = IdentityIndex(self.cursor, self.path, self.readable)
            return self._opened

    def _find(self, kind: Kind, identities: Sequence[str] | pa.ChunkedArray) -> tuple[Positions, list[Segment]]:
        """Positions of the stored identities, ascending, and their segments."""
        if kind not in IDENTITY:
            raise SetupError(f"{kind} have no ids to look up.", choices=tuple(IDENTITY))
        index = self._index()
        holders: dict[str, int] = {}
        holdings = [np.empty((2, 0), np.int64)]
        with self.naming_damaged_files(), index.lock:
            segments = self.registry.segments(kind)
            index.update(kind, segments)
            for start in range(0, len(identities), LOOK):
                part = identities[start : start + LOOK]
                pairs = index.find(kind, part.to_pylist() if isinstance(part, pa.ChunkedArray) else part)
                numbers = [(start + position, holders.setdefault(name, len(holders))) for position, name in pairs]
                holdings.append(np.array(numbers, np.int64).reshape(-1, 2).T)
        sound = self.readable([segment for segment in segments if segment.id in holders])
        positions, holder = np.concatenate(holdings, axis=1)
        good = np.isin(holder, [holders[segment.id] for segment in sound])
        return np.unique(positions[good]), sound  # an identity may be in several segments

    def _rows(self, kind: Kind, segments: Sequence[Segment], identities: Sequence[tuple[str, ...]]) -> list[Any]:
        """The records with these identities, read from these segments only."""
        return from_table(kind, self._table(kind, segments, identities)) if identities else []

    def _table(
        self, kind: Kind, segments: Sequence[Segment], identities: Sequence[tuple[str, ...]], columns: str = "*"
    ) -> pa.Table:
        """Columns of the rows with these identities, read from these segments only."""
        names = IDENTITY[kind]
        wanted = pa.table({name: text_array([identity[i] for identity in identities]) for i, name in enumerate(names)})
        with self.naming_damaged_files(), self.cursor() as connection:
            connection.register("wanted", wanted)
            rows = select(kind, segments, self.path)
            query = f"SELECT {columns} FROM ({rows}) SEMI JOIN wanted USING ({', '.join(names)})"  # noqa: S608
            return connection.sql(query).to_arrow_table()

    @contextmanager
    def naming_damaged_files(self) -> Iterator[None]:
        """If DuckDB cannot read a file, find and unregister the altered one and name it."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            lost = self.check(deep=True)
            if not lost:
                raise
            raise CorruptSegment(
                lost[0].path, f"{lost[0].problem}; it is unregistered, the same command again makes its rows again"
            ) from error
