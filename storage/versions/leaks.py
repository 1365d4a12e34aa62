"""Search for keys of model servers in a version: the last check before it is published or exported.

A server or a gateway may echo the key of a request in any field, and an imported file may hold one. A version with a key in
it is refused as a whole: a leaked key has to be replaced, and with the new one in place the old one opens nothing and the
same command continues.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

import pyarrow as pa
import pyarrow.compute as pc

from storage.ground.errors import FoundWanting
from storage.versions.content.database import TABLE_NAMES, has_table
from storage.versions.content.snapshot import TABLES, Snapshot
from storage.versions.read import TEXTS, open_version, reading
from storage.versions.resolve import VersionInfo

LEAST = 8  # letters; shorter values ("none", "EMPTY") stand for no key, and are words of texts
_AT_ONCE = 8_192
Rows = Iterable[tuple[str, pa.RecordBatch]]


def refuse_in_snapshot(snapshot: Snapshot, texts: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """Raise FoundWanting if a snapshot's rows or texts hold a secret key. `keys`: secret keys by environment variable."""
    rows = ((TABLE_NAMES[kind], batch) for kind, table in snapshot.written() for batch in table.to_batches())
    _refuse(f"{snapshot.name} is not published", rows, texts, keys)


def refuse_in_version(info: VersionInfo, keys: Mapping[str, str]) -> None:
    """FoundWanting for a version to be exported with a key in it."""
    if not any(len(key) >= LEAST for key in keys.values()):  # nothing to look for, so no row is read
        return
    files = [info.path / name for name in ("manifest.json", *TEXTS)]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()}
    with reading(info), closing(open_version(info)) as connection:
        names = [TABLE_NAMES[kind] for kind in TABLES if has_table(connection, kind)]
        rows = ((name, batch) for name in names for batch in connection.table(name).to_arrow_reader(_AT_ONCE))
        _refuse(f"{info.ref} is not exported", rows, texts, keys)


def _refuse(what: str, rows: Rows, texts: Mapping[str, str], keys: Mapping[str, str]) -> None:
    secret = {variable: key for variable, key in keys.items() if len(key) >= LEAST}
    if not secret:
        return
    # The first one is enough: the version is refused as a whole.
    seen = next(_leaks(rows, texts, secret), None)
    if seen is not None:
        variable, place = seen
        raise FoundWanting(
            f"{what}: the key in {variable} stands in {place}. Nothing of what is stored was changed.",
            next_command=f"revoke that key, put a new one into {variable}, then the same command",
        )


def _leaks(rows: Rows, texts: Mapping[str, str], keys: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The variable and the place of each key in the rows and texts."""
    for name, text in texts.items():
        yield from ((variable, name) for variable, key in keys.items() if key in text)
    for table, batch in rows:
        for field, column in zip(batch.schema, batch.columns, strict=True):
            # Nested values are stored as JSON text, and the other types can hold no key.
            if not pa.types.is_string(field.type):
                continue
            for variable, key in keys.items():
                held = pc.match_substring(column, key)
                if pc.any(held).as_py():
                    place = pc.index(held, True).as_py()
                    yield variable, f"{table}.{field.name}, first of {_of(batch, place, key)}"


def _of(batch: pa.RecordBatch, place: int, key: str) -> str:
    """The row's id, unless it contains the key."""
    names = [name for name in ("id", "completion_id", "problem_id") if name in batch.schema.names]
    name = str(batch[names[0]][place].as_py()) if names else f"row {place}"
    return name if key not in name else "a row"
