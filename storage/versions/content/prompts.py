"""Prompts in the form of versions: plain text, and JSON only for a list of messages.

A text may look like JSON, so a column beside the prompt tells the two apart. Segments, and versions published before that
column existed, hold JSON of both (a text with its quotes). Internal readers get that form, which `prompt_from_json` reads.
"""

# ruff: noqa: S608 (the SQL is made of our own names)

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from rollmill.ground.ids import canonical_json
from rollmill.storage.segments.keys import COLUMNS, Kind
from rollmill.storage.segments.views import no_rows

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COLUMN = "prompt_is_messages"
_PLACE = list(COLUMNS["problems"]).index("prompt")
# JSON of a text begins with a quote, JSON of messages with a bracket.
_IS_TEXT = """starts_with(prompt, '"')"""
FROM_JSON = {"prompt": f"CASE WHEN {_IS_TEXT} THEN prompt ->> '$' ELSE prompt END", COLUMN: f"NOT {_IS_TEXT}"}
"""SQL of the two columns of a prompt stored as JSON."""
SHOWN = f"* REPLACE ({FROM_JSON['prompt']} AS prompt), {FROM_JSON[COLUMN]} AS {COLUMN}"
"""SQL columns of problems, with prompts stored as JSON made plain."""
_JSON = f"* EXCLUDE ({COLUMN}) REPLACE (CASE WHEN {COLUMN} THEN prompt ELSE CAST(to_json(prompt) AS VARCHAR) END AS prompt)"


def shown_columns(kind: Kind) -> list[str]:
    """The columns of a kind in a version, in order."""
    names = list(COLUMNS[kind])
    return names if kind != "problems" else [*names[: _PLACE + 1], COLUMN, *names[_PLACE + 1 :]]


def shown(kind: Kind, table: "pa.Table") -> "pa.Table":
    """Rows with JSON prompts in the form of versions; other kinds are equal in both forms."""
    if kind != "problems":
        return table
    import pyarrow as pa

    stored = table["prompt"].to_pylist()
    is_text = [text is not None and text.startswith('"') for text in stored]
    prompts = [json.loads(text) if plain else text for text, plain in zip(stored, is_text, strict=True)]
    told = table.set_column(_PLACE, table.schema.field("prompt"), pa.array(prompts, pa.string()))
    flags = [None if text is None else not plain for text, plain in zip(stored, is_text, strict=True)]
    return told.add_column(_PLACE + 1, COLUMN, pa.array(flags, pa.bool_()))


def with_json_prompts(table: "pa.Table") -> "pa.Table":
    """Rows of a version with JSON prompts as in segments; unchanged if they have them already."""
    if COLUMN not in table.column_names:
        return table
    import pyarrow as pa

    place = table.schema.get_field_index("prompt")
    pairs = zip(table["prompt"].to_pylist(), table[COLUMN].to_pylist(), strict=True)
    # Canonical, as in segments: the content hash is over the JSON text.
    texts = [text if text is None or is_messages else canonical_json(text) for text, is_messages in pairs]
    return table.set_column(place, table.schema.field("prompt"), pa.array(texts, pa.string())).drop_columns([COLUMN])


def no_shown_rows(kind: Kind) -> str:
    """SELECT of no rows with the columns of a kind in a version."""
    return no_rows(kind) if kind != "problems" else f"SELECT {SHOWN} FROM ({no_rows(kind)})"


def json_problems(connection: "duckdb.DuckDBPyConnection") -> None:
    """Create a temporary view `problems`, which hides the version's own, with JSON prompts as in runs."""
    catalog: Any = connection.execute("SELECT current_catalog()").fetchall()[0][0]
    # Named in full: the view would otherwise select from itself.
    table = f'"{catalog}".main.problems'
    stored: Collection[str] = {row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()}
    chosen = _JSON if COLUMN in stored else "*"
    connection.execute(f"CREATE TEMP VIEW problems AS SELECT {chosen} FROM {table}")
