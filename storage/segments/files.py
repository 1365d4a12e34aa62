"""One segment file: rows as Parquet, with the facts the ledger keeps of it. Knows neither ledger nor who reads it."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from storage.ledger.owners import new_file_id
from storage.segments.keys import SegmentKey
from storage.segments.place import Place
from storage.segments.schema import Kind
from storage.segments.views import CURRENT


@dataclass(frozen=True, slots=True)
class Written:
    """A durable file that is not registered yet."""

    id: str
    kind: Kind
    producer: str
    version: str
    rows: int
    bytes: int
    checksum: str
    columns: str


def write_batches(place: Place, key: SegmentKey, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Written:
    """Make these rows durable in one new file of that kind and producer; it is not registered."""
    import pyarrow.parquet as pq

    facts: dict[str, int | str] = {"rows": 0}

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                facts["rows"] = int(facts["rows"]) + batch.num_rows
                writer.write_batch(batch)
        with path.open("rb") as file:
            facts["checksum"] = hashlib.file_digest(file, "sha256").hexdigest()
        facts["bytes"] = path.stat().st_size

    file_id = new_file_id()
    place.put(key.kind, file_id, write)
    return Written(
        id=file_id,
        kind=key.kind,
        producer=key.producer,
        version=key.version,
        rows=int(facts["rows"]),
        bytes=int(facts["bytes"]),
        checksum=str(facts["checksum"]),
        columns=CURRENT[key.kind],
    )
