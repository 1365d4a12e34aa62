"""Arrow schemas of the segment kinds, and conversion of records to tables and back. Knows nothing of files or the ledger.

The first schema already has every column of later readers, null if an engine cannot give a value; nested values
(messages, meta, tests, stop strings) are canonical JSON text.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import pyarrow as pa
from pyarrow.lib import StringBuilder

from rollmill.ground.ids import canonical_json
from rollmill.ground.records import (
    AcceptedOutcome,
    Completion,
    Decision,
    JudgedRow,
    Message,
    PlanRow,
    Problem,
    Score,
    StopRow,
    ThreadRow,
    Verdict,
    message_json,
    prompt_json,
)
from rollmill.storage.segments.keys import COLUMNS, RECORDS, Kind, PromptOf, SentPrompt

Record = (
    Problem
    | Completion
    | Verdict
    | AcceptedOutcome
    | Score
    | Decision
    | PlanRow
    | SentPrompt
    | StopRow
    | JudgedRow
    | ThreadRow
    | PromptOf
)

_ARROW: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "INTEGER[]": pa.list_(pa.int32()),
    "FLOAT[]": pa.list_(pa.float32()),
    "DOUBLE[]": pa.list_(pa.float64()),
}
SCHEMAS: Mapping[Kind, pa.Schema] = {
    kind: pa.schema([(name, _ARROW[sql]) for name, sql in columns.items()]) for kind, columns in COLUMNS.items()
}


def sql_type(kind: pa.DataType) -> str | None:
    """DuckDB's type of a column, None for a type that no kind has; elements of a list are named by the file's writer."""
    plain = pa.list_(kind.value_type) if pa.types.is_list(kind) else kind
    return next((sql for sql, arrow in _ARROW.items() if arrow == plain), None)


def columns_name(schema: pa.Schema) -> str:
    """A short name of a schema, equal for equal column names and types."""
    text = ",".join(f"{field.name}:{field.type}" for field in schema)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


CURRENT: Mapping[Kind, str] = {kind: columns_name(schema) for kind, schema in SCHEMAS.items()}


def text_array(texts: Iterable[str | None]) -> pa.StringArray:
    """Texts as an Arrow array. `pa.array` would import pandas first, which takes .3 CPU seconds of a command."""
    builder = StringBuilder()
    builder.append_values(texts)
    return builder.finish()


PLAIN = SCHEMAS["completions"].names[: SCHEMAS["completions"].names.index("reasoning") + 1]
"""Columns of completions without messages, token ids, probabilities and meta."""
CHUNK = 16_384  # rows that are converted at a time


def to_table(kind: Kind, records: Iterable[Record]) -> pa.Table:
    """Records of one kind as an Arrow table with that kind's schema."""
    schema, encode = SCHEMAS[kind], _ENCODE.get(kind, {})
    columns = list(zip(*map(attrgetter(*schema.names), records), strict=True))
    if not columns:
        return schema.empty_table()
    arrays = [
        pa.array([encode[name](value) for value in values] if name in encode else values, schema.field(name).type)
        for name, values in zip(schema.names, columns, strict=True)
    ]
    return pa.table(arrays, schema=schema)


def from_table(kind: Kind, table: pa.Table) -> list[Any]:
    """The records of a table; a missing column gives the record's default."""
    known = SCHEMAS[kind].names
    names = [name for name in known if name in table.column_names]
    record = _MADE.get(kind, RECORDS[kind])
    records: list[Any] = []
    for batch in table.select(names).to_batches(
        max_chunksize=CHUNK
    ):  # a single value takes many times its share of a column
        rows = zip(*(_values(kind, name, batch.column(name)) for name in names), strict=True)
        # In field order: half the time of keyword arguments.
        if names == known[: len(names)] and kind not in _MADE:
            records += [record(*row) for row in rows]
        else:
            records += [record(**dict(zip(names, row, strict=True))) for row in rows]
    return records


def prompt_from_json(text: str) -> str | tuple[Message, ...]:
    """A stored prompt, decoded to its text or its messages."""
    value = json.loads(text)
    return value if isinstance(value, str) else tuple(Message(**item) for item in value)


def _values(kind: Kind, name: str, column: pa.Array) -> Sequence[Any]:
    """A column's values as a record holds them."""
    if pa.types.is_list(column.type):
        return _tuples(column)
    decode = _DECODE.get(kind, {}).get(name)
    values: list[Any] = column.to_pylist()
    return values if decode is None else [decode(value) for value in values]


def _tuples(column: pa.ListArray) -> list[tuple[Any, ...] | None]:
    """Lists as tuples, sliced from all values at once: one by one they would take most of the time of reading a row."""
    # The offsets of a slice do not begin at 0, while `values` belongs to the whole column. `to_numpy` would load pandas.
    offsets = column.offsets.to_pylist()
    flat = column.values.slice(offsets[0], offsets[-1] - offsets[0]).to_pylist()
    ends, there = [end - offsets[0] for end in offsets], column.is_valid().to_pylist()
    return [tuple(flat[ends[at] : ends[at + 1]]) if valid else None for at, valid in enumerate(there)]


def _messages_text(messages: Sequence[Message] | None) -> str | None:
    return None if messages is None else canonical_json([message_json(message) for message in messages])


def _messages(text: str | None) -> tuple[Message, ...] | None:
    return None if text is None else tuple(Message(**item) for item in json.loads(text))


def _meta_text(meta: Mapping[str, Any]) -> str:
    return canonical_json(dict(meta)) if meta else "{}"


def _meta(text: str | None) -> dict[str, Any]:
    return {} if text in (None, "", "{}") else json.loads(text)


def _no_step(step: str) -> str | None:
    """Null for an empty step, as in rows older than steps: equal rows stay equal, and shards shared."""
    return step or None


def _step(step: str | None) -> str:
    return sys.intern(step) if step else ""


def _problem(**row: Any) -> Problem:
    """A problem from a row; it computes its ids itself."""
    return Problem(**{name: value for name, value in row.items() if name not in ("id", "prompt_id")})


_ENCODE: Mapping[Kind, Mapping[str, Callable[[Any], Any]]] = {
    "problems": {
        "prompt": lambda prompt: canonical_json(prompt_json(prompt)),
        "tests": lambda tests: canonical_json(list(tests)),
        "meta": _meta_text,
    },
    "completions": {"messages": _messages_text, "meta": _meta_text},
    "plan": {"step": _no_step, "after": _no_step, "sent": _no_step},
    "decisions": {"step": _no_step},
    "judged": {"prompt": lambda prompt: canonical_json(prompt_json(prompt))},
}
_DECODE: Mapping[Kind, Mapping[str, Callable[[Any], Any]]] = {
    "problems": {"prompt": prompt_from_json, "tests": lambda text: tuple(json.loads(text or "[]")), "meta": _meta},
    "completions": {"messages": _messages, "meta": _meta},
    # A plan of a million rows names one run and few problems: each name is stored once.
    "plan": {
        "run": sys.intern,
        "problem_id": sys.intern,
        "prompt_id": sys.intern,
        "step": _step,
        "after": _step,
        "sent": _step,
    },
    "decisions": {"step": _step},
    "judged": {"prompt": prompt_from_json},
}
_MADE: Mapping[Kind, Callable[..., Any]] = {"problems": _problem}
