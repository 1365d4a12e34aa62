"""Segment files: rows as Parquet, with the facts that the ledger keeps of a file. Knows neither ledger nor reader.

The footer lists the batches of the file and carries a seal, so that a lost ledger can be rebuilt.
"""

import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from rollmill.storage.ledger.owners import new_file_id
from rollmill.storage.segments import seal
from rollmill.storage.segments.keys import Kind, SegmentFile, SegmentKey
from rollmill.storage.segments.place import Place
from rollmill.storage.segments.schema import CURRENT


@dataclass(frozen=True, slots=True)
class BatchRows:
    """A batch within a file, and the run that made it, if any."""

    batch_id: str
    rows: int
    run: str | None


FOOTER = "rollmill"


def facts_of(parquet: Any) -> tuple[str, str, tuple[BatchRows, ...], float, str] | None:
    """Producer, version, batches, time of writing and seal in the footer of an open Parquet file; None for old files."""
    footer = parquet.metadata.metadata or {}
    if FOOTER.encode() not in footer and seal.KEY.encode() not in footer:
        return None
    facts = json.loads(footer[FOOTER.encode()])
    contents = tuple(BatchRows(**batch) for batch in facts["batches"])
    return facts["producer"], facts["version"], contents, float(facts["at"]), footer[seal.KEY.encode()].decode()


def write_batches(
    place: Place,
    key: SegmentKey,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    run: str | None = None,
    merged: Sequence[BatchRows] = (),
) -> SegmentFile:
    """Write these rows durably to one new file of that kind and producer, without registering it.

    `run`: the run of the batch. `merged`: the batches of the rows, if there are several.
    """
    import pyarrow.parquet as pq

    facts: dict[str, int | str] = {"rows": 0}

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for batch in batches:
                facts["rows"] = int(facts["rows"]) + batch.num_rows
                writer.write_batch(batch)
            contents = merged or [BatchRows(key.batch_id, int(facts["rows"]), run)]
            footer = {
                "producer": key.producer,
                "version": key.version,
                "batches": list(map(asdict, contents)),
                "at": time.time(),
            }
            writer.add_key_value_metadata({seal.KEY: seal.OPEN})
            writer.add_key_value_metadata({FOOTER: json.dumps(footer)})
        with path.open("r+b") as file:
            facts["checksum"] = seal.seal(file)
        facts["bytes"] = path.stat().st_size

    file_id = new_file_id()
    place.put(key.kind, file_id, write)
    return SegmentFile(
        id=file_id,
        kind=key.kind,
        producer=key.producer,
        version=key.version,
        rows=int(facts["rows"]),
        bytes=int(facts["bytes"]),
        checksum=str(facts["checksum"]),
        columns=CURRENT[key.kind],
    )


def repaired_copy(place: Place, kind: Kind, file_id: str) -> tuple[str, str] | None:
    """Durable, unregistered copy of a file whose seal overwrote a statistic, with the statistic restored.

    The id and checksum of the copy; None for any other file.
    """
    with place.open(kind, file_id) as file:
        misplaced = seal.misplaced(file) if seal.is_open(file) else None
    if misplaced is None:
        return None
    checksum = ""

    def write(path: Path) -> None:
        nonlocal checksum
        with place.open(kind, file_id) as damaged, path.open("w+b") as file:
            shutil.copyfileobj(damaged, file)
            checksum = seal.repair_statistics(file, misplaced)

    new = new_file_id()
    place.put(kind, new, write)
    return new, checksum
