"""Search for secret keys in a version, in any spelling: the last check before it is published or exported.

A server or a gateway may echo the key of a request in any field, and an imported file may hold one. A version with a key in
it is refused as a whole: a leaked key has to be replaced, and with the new one in place the old one opens nothing and the
same command continues.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

import pyarrow as pa

from rollmill.ground.errors import FoundWanting
from rollmill.ground.secret_texts.key_search import KeySearch
from rollmill.ground.secret_texts.spellings import LEAST_KEY
from rollmill.storage.versions.content.catalogue import TABLE_NAMES, TABLES, has_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.read import GATE_TEXTS, TEXTS, open_version, reading
from rollmill.storage.versions.resolve import VersionInfo

_AT_ONCE = 8_192
Rows = Iterable[tuple[str, pa.RecordBatch]]


def refuse_in_snapshot(snapshot: Snapshot, texts: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """Raise FoundWanting if a snapshot's rows or texts hold a secret key. `keys`: secret keys by environment variable."""
    rows = ((TABLE_NAMES[kind], batch) for kind, table in snapshot.written() for batch in table.to_batches())
    refuse_in_rows(f"{snapshot.name} is not published", rows, texts, keys)


def refuse_in_version(info: VersionInfo, keys: Mapping[str, str]) -> None:
    """FoundWanting for a version to be exported with a key in it."""
    if not any(len(key) >= LEAST_KEY for key in keys.values()):  # nothing to look for, so no row is read
        return
    files = [info.path / name for name in ("manifest.json", *TEXTS, *GATE_TEXTS)]
    texts = {path.name: path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()}
    with reading(info), closing(open_version(info)) as connection:
        names = [TABLE_NAMES[kind] for kind in TABLES if has_table(connection, kind)]
        rows = ((name, batch) for name in names for batch in connection.table(name).to_arrow_reader(_AT_ONCE))
        refuse_in_rows(f"{info.ref} is not exported", rows, texts, keys)


def refuse_in_rows(what: str, rows: Rows, texts: Mapping[str, str], keys: Mapping[str, str]) -> None:
    """FoundWanting that begins with `what` if rows, by table, or texts, by name, hold a secret key."""
    # Shorter values ("none", "EMPTY") stand for no key, and are words of texts.
    search = KeySearch({variable: key for variable, key in keys.items() if len(key) >= LEAST_KEY})
    if not search:
        return
    # The first one is enough: the version is refused as a whole.
    seen = next(_leaks(rows, texts, search), None)
    if seen is not None:
        variable, place = seen
        raise FoundWanting(
            f"{what}: the key in {variable} stands in {place}. Nothing of what is stored was changed.",
            next_command=f"revoke that key, put a new one into {variable}, then the same command",
        )


def _leaks(rows: Rows, texts: Mapping[str, str], search: KeySearch) -> Iterator[tuple[str, str]]:
    """The variable and the place of a key in each of the texts and of the columns that hold one."""
    for name, text in texts.items():
        variable = search.found(text)
        if variable is not None:
            yield variable, name
    for table, batch in rows:
        for field, column in zip(batch.schema, batch.columns, strict=True):
            # Nested values are stored as JSON text, and the other types can hold no key.
            if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
                continue
            values = column.to_pylist()
            # Many columns repeat a few values, which are looked at once.
            for value in dict.fromkeys(values):
                variable = None if value is None else search.found(value)
                if variable is not None:
                    yield variable, f"{table}.{field.name}, first of {_of(batch, values.index(value), search)}"
                    break


def _of(batch: pa.RecordBatch, place: int, search: KeySearch) -> str:
    """The row's id, unless it contains a key."""
    names = [name for name in ("id", "completion_id", "problem_id") if name in batch.schema.names]
    name = str(batch[names[0]][place].as_py()) if names else f"row {place}"
    return name if search.found(name) is None else "a row"
