"""Writes rows to a JSONL or Parquet file, atomically, with the same bytes for the same rows. Knows no format's meaning."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.ground.errors import SetupError, explained
from rollmill.ground.files import json_line

Row = dict[str, Any]
_BATCH = 4096  # rows of one Parquet row group: more would be held in memory as Python values

TURNS = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_FUNCTION = pa.struct([("name", pa.string()), ("arguments", pa.string())])
_CALLS = pa.list_(pa.struct([("id", pa.string()), ("type", pa.string()), ("function", _FUNCTION)]))
_OF_TOOLS = [pa.field("tool_calls", _CALLS), pa.field("tool_call_id", pa.string()), pa.field("name", pa.string())]
TOOLS = "tools"
"""Column of the tools that a model was offered, as JSON text."""


def with_tools(schema: pa.Schema) -> pa.Schema:
    """The schema for rows with calls of tools: turns with the calls and what they answer, and the column TOOLS."""
    own = set(TURNS.value_type)
    fields = [
        pa.field(field.name, pa.list_(pa.struct([*field.type.value_type, *_OF_TOOLS])))
        if pa.types.is_list(field.type) and pa.types.is_struct(field.type.value_type) and own <= set(field.type.value_type)
        else field
        for field in schema
    ]
    return pa.schema([*fields, pa.field(TOOLS, pa.string())])


class Export(Protocol):
    """A format: its columns, its rows in a fixed order, and the numbers of left-out rows, known after reading.

    A row has a value for each column; with `problem_id`, and `template` where there is one, it can be a validation row.
    """

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def left_out(self) -> Mapping[str, int]: ...

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]: ...


@dataclass(frozen=True)
class ExportFile:
    """A written file: path, number of rows, SHA-256, numbers of excluded items, and the file of validation rows.

    `short`: for a mix, the rows available of each version that has fewer than were requested.
    """

    path: Path
    rows: int
    sha256: str
    left_out: Mapping[str, int] = field(default_factory=dict)
    validation: "ExportFile | None" = None
    short: Mapping[str, int] = field(default_factory=dict)

    @property
    def files(self) -> "tuple[ExportFile, ...]":
        """Both written files: the main one and its validation file, if any."""
        return (self,) if self.validation is None else (self, self.validation)


def export_rows(rows: Iterable[Row], schema: pa.Schema, out: Path) -> ExportFile:
    """Write rows by the suffix of `out` (.jsonl, .parquet); an existing file is replaced only once the new one is whole."""
    if out.suffix not in _WRITERS:
        raise SetupError(f"cannot tell a format from {out.name!r}.", choices=_WRITERS)
    if out.is_dir():
        raise SetupError(f"{out} is a folder; name a file.")
    with _written(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(f".{out.name}.tmp")  # beside the file, as a rename works within one file system only
        temporary.unlink(missing_ok=True)  # of a killed command, or a link that came with the folder
        try:
            with temporary.open("xb") as handle:
                count = _WRITERS[out.suffix](iter(rows), schema, handle)
            temporary.replace(out)
        finally:
            temporary.unlink(missing_ok=True)
    with out.open("rb") as handle:
        return ExportFile(out, count, hashlib.file_digest(handle, "sha256").hexdigest())


@contextmanager
def _written(out: Path) -> Iterator[None]:
    """Turn the system's errors into messages about the path that a person named."""
    try:
        with explained(out):
            yield
    except OSError as error:
        raise SetupError(f"cannot write {out}: {error.strerror or error}.", next_command="name another --out") from error


def _write_jsonl(rows: Iterator[Row], schema: pa.Schema, handle: IO[bytes]) -> int:
    count = 0
    for row in rows:
        handle.write(json_line({name: row[name] for name in schema.names}).encode("utf-8"))
        count += 1
    return count


def _write_parquet(rows: Iterator[Row], schema: pa.Schema, handle: IO[bytes]) -> int:
    count = 0
    with pq.ParquetWriter(handle, schema, compression="zstd") as writer:
        while batch := list(islice(rows, _BATCH)):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


_WRITERS: Mapping[str, Callable[[Iterator[Row], pa.Schema, IO[bytes]], int]] = {
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
