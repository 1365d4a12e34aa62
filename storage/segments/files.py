"""One segment file: rows as Parquet, with the facts the ledger keeps of it. Knows neither ledger nor who reads it.

Its footer says which batches it holds and carries a seal, a digest of everything else in the file, so that a lost ledger
can be made again.
"""

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from storage.ledger.owners import new_file_id
from storage.segments.keys import SegmentFile, SegmentKey
from storage.segments.place import Place
from storage.segments.views import CURRENT


@dataclass(frozen=True, slots=True)
class BatchRows:
    """A batch within a file, and the run that made it, if one did."""

    batch_id: str
    rows: int
    run: str | None


FOOTER, SEAL = "rollmill", "rollmill.seal"
_OPEN = b"0" * 64  # where the seal is to stand


def facts_of(parquet: Any) -> tuple[str, str, tuple[BatchRows, ...], float, str] | None:
    """Producer, version, batches, time of writing and seal in the footer of an open Parquet file; None in older files."""
    footer = parquet.metadata.metadata or {}
    if FOOTER.encode() not in footer and SEAL.encode() not in footer:
        return None
    facts = json.loads(footer[FOOTER.encode()])
    contents = tuple(BatchRows(**batch) for batch in facts["batches"])
    return facts["producer"], facts["version"], contents, float(facts["at"]), footer[SEAL.encode()].decode()


def write_batches(
    place: Place,
    key: SegmentKey,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    run: str | None = None,
    merged: Sequence[BatchRows] = (),
) -> SegmentFile:
    """Make these rows durable in one new file of that kind and producer; it is not registered.

    `run`: whose batch it is. `merged`: the batches whose rows these are, where they are of several.
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
            writer.add_key_value_metadata({SEAL: _OPEN.decode()})
            writer.add_key_value_metadata({FOOTER: json.dumps(footer)})
        with path.open("r+b") as file:
            facts["checksum"] = _seal(file)
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


def _seal(file: BinaryIO) -> str:
    """Write the seal of a finished file into its footer; the checksum of the whole file with it."""
    before, after, at = _around(file, _OPEN)
    # Both digests begin alike: what stands before the seal, nearly all of the file, is read and hashed once.
    seal = _digest(before, _OPEN, after).encode()
    file.seek(at)
    file.write(seal)
    return _digest(before, seal, after)


def is_whole(file: BinaryIO, seal: str) -> bool:
    """Whether a file is as it was when it was sealed."""
    before, after, _ = _around(file, seal.encode())
    return _digest(before, _OPEN, after) == seal


def _around(file: BinaryIO, seal: bytes) -> tuple[Any, bytes, int]:
    """The hash of what stands before the seal in the footer, what stands after it, and where it begins."""
    size = file.seek(0, 2)
    # A Parquet file ends with the length of its footer in four bytes and the four bytes PAR1.
    file.seek(size - 8)
    footer = size - 8 - int.from_bytes(file.read(4), "little")
    file.seek(footer)
    tail = file.read()
    place = tail.index(seal)
    hashed = hashlib.sha256()
    file.seek(0)
    left = footer
    while left and (chunk := file.read(min(left, 1 << 20))):
        hashed.update(chunk)
        left -= len(chunk)
    hashed.update(tail[:place])
    return hashed, tail[place + len(seal) :], footer + place


def _digest(before: Any, seal: bytes, after: bytes) -> str:
    hashed = before.copy()
    hashed.update(seal + after)
    return str(hashed.hexdigest())
