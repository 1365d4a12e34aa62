"""All matches of a page as one CSV or Parquet file: made on request, streamed to disk and from disk.

A page calls `export_matches` with a source of its whole table in batches; serve.py sends the file to the browser.
"""

import json
import secrets
import tempfile
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted, size
from rollmill.storage.queries.browse.spreadsheets import SAID, table_as_text

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Callable[[], AbstractContextManager["pa.RecordBatchReader"]]
FORMATS = ("csv", "csv for a spreadsheet", "parquet")
MOST = 20  # files kept at once over all tabs; the oldest go


@dataclass(frozen=True, slots=True)
class MatchFile:
    """A file that was made: its key in the address, its path, and how many rows it holds."""

    key: str
    path: Path
    rows: int


_made: dict[str, MatchFile] = {}
_folders: dict[Path, "tempfile.TemporaryDirectory[str]"] = {}  # by workspace; gone when this process ends


def export_matches(name: str, rows: Rows, matches: Hashable) -> None:
    """Draw a box that makes the file of all `rows` and gives a link to it.

    `name`: that of the file. `rows`: opens a reader of record batches, closed afterwards. `matches`: what the rows follow
    from (scope, filters, order); another one takes the link of before away.
    """
    with st.popover("Export all matches", icon=":material/download:"):
        form = str(st.segmented_control("Format", FORMATS, default="csv", required=True, key=f"export-{name}-format"))
        place = f"export-{name}"
        if st.button("Make the file", key=f"{place}-make"):
            with st.spinner("Writing all matches"):
                ending, spreadsheet = form.split(maxsplit=1)[0], form == FORMATS[1]
                file = write_matches(f"{name}.{ending}", rows, spreadsheet=spreadsheet)
                st.session_state[place] = ((matches, form), file)
        for_what, file = st.session_state.get(place, (None, None))
        if file is not None and for_what == (matches, form):
            weight = size(file.path.stat().st_size if file.path.exists() else 0)
            if form == FORMATS[1]:
                st.caption(SAID)
            st.link_button(f"Download {counted(file.rows, 'row')} ({weight})", f"/exported/{file.key}/{file.path.name}")


def export_folder() -> Path:
    """The folder of this process for files to download."""
    root = reader().root
    if root not in _folders:
        _folders[root] = tempfile.TemporaryDirectory(prefix="exported-", dir=reader().scratch())
    return Path(_folders[root].name)


def offer_file(path: Path) -> str:
    """The address of a file that a command made, for as long as this process lives."""
    if path not in (file.path for file in _made.values()):
        key = secrets.token_urlsafe(16)
        _made[key] = MatchFile(key, path, 0)
    file = next(file for file in _made.values() if file.path == path)
    return f"/exported/{file.key}/{path.name}"


def write_matches(name: str, rows: Rows, *, spreadsheet: bool = False) -> MatchFile:
    """Write all rows to a file of this name, a batch at a time; its format is the name's ending.

    `spreadsheet`: no cell of a CSV file is one that a spreadsheet runs.
    """
    import pyarrow as pa
    from pyarrow import csv, parquet

    # The address alone gives the file, so its key must not be guessable.
    key, count = secrets.token_urlsafe(16), 0
    path = export_folder() / key / name
    path.parent.mkdir()
    is_csv = path.suffix == ".csv"
    with rows() as batches:
        schema = _plain(batches.schema.empty_table()).schema if is_csv else batches.schema
        with csv.CSVWriter(path, schema) if is_csv else parquet.ParquetWriter(path, schema, compression="zstd") as out:
            for batch in batches:
                table = pa.Table.from_batches([batch])
                table = _plain(table) if is_csv else table
                out.write_table(table_as_text(table) if spreadsheet else table)
                count += batch.num_rows
    _made[key] = MatchFile(key, path, count)
    for old in list(_made)[:-MOST]:
        _made.pop(old).path.unlink(missing_ok=True)
    return _made[key]


def _plain(table: "pa.Table") -> "pa.Table":
    """The table with lists and structures as JSON text, which is all that CSV can hold."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            values = [None if value is None else json.dumps(value) for value in table[place].to_pylist()]
            table = table.set_column(place, field.name, pa.array(values, pa.string()))
    return table


async def _give(request: Request) -> Response:
    file = _made.get(request.path_params["key"])
    if file is None or not file.path.exists():
        return PlainTextResponse("This file is gone: make it again on its page.", status_code=404)
    return FileResponse(file.path, filename=file.path.name, headers={"Cache-Control": "no-store"})


ROUTE = Route("/exported/{key}/{name}", _give)
