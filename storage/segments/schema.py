"""Arrow schemas of the segment kinds, and records to tables and back. Knows nothing of files or the ledger.

Every column a later reader may want exists from the first schema on, null where an engine cannot give it; nested values
(messages, meta, tests, stop strings) are canonical JSON text.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from typing import Any, Literal

import pyarrow as pa

from storage.ids import canonical_json
from storage.records import (
    Completion,
    Decision,
    Message,
    PlanRow,
    Problem,
    Score,
    StopRow,
    Verdict,
    prompt_json,
)

Kind = Literal["problems", "completions", "verdicts", "scores", "decisions", "plan", "stops"]
Record = Problem | Completion | Verdict | Score | Decision | PlanRow | StopRow

RECORDS: Mapping[Kind, type[Any]] = {
    "problems": Problem,
    "completions": Completion,
    "verdicts": Verdict,
    "scores": Score,
    "decisions": Decision,
    "plan": PlanRow,
    "stops": StopRow,
}
KINDS: tuple[Kind, ...] = tuple(RECORDS)

_INT = frozenset({"level", "sample_index", "seed", "tokens_in", "tokens_out", "round", "batch", "ordinal"})
_FLOAT = frozenset({"cost", "logprob_sum", "self_certainty", "seconds", "value"})
_INT_LISTS = frozenset({"prompt_token_ids", "token_ids"})
_FLOAT_LISTS = frozenset({"logprobs"})


def _column_type(name: str) -> pa.DataType:
    if name in _INT:
        return pa.int64()
    if name in _FLOAT:
        return pa.float64()
    if name in _INT_LISTS:
        return pa.list_(pa.int32())
    if name in _FLOAT_LISTS:
        return pa.list_(pa.float32())
    return pa.bool_() if name == "kept" else pa.string()


SCHEMAS: Mapping[Kind, pa.Schema] = {
    kind: pa.schema([(field.name, _column_type(field.name)) for field in fields(record)])
    for kind, record in RECORDS.items()
}


def to_table(kind: Kind, records: Iterable[Record]) -> pa.Table:
    """Records of one kind as an Arrow table with that kind's schema."""
    schema = SCHEMAS[kind]
    encode = _ENCODE.get(kind, _plain_row)
    rows = [encode(record) for record in records]
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)


def from_table(kind: Kind, table: pa.Table) -> list[Any]:
    """The records of a table; columns that the table lacks take the record's default."""
    decode = _DECODE.get(kind, RECORDS[kind])
    names = [name for name in SCHEMAS[kind].names if name in table.column_names]
    return [decode(**row) for row in table.select(names).to_pylist()]


def prompt_from_json(text: str) -> str | tuple[Message, ...]:
    """A stored prompt back as the text or the messages it was."""
    value = json.loads(text)
    return value if isinstance(value, str) else tuple(Message(**item) for item in value)


def _plain_row(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _problem_row(problem: Any) -> dict[str, Any]:
    row = _plain_row(problem)
    row["prompt"] = canonical_json(prompt_json(problem.prompt))
    row["tests"] = canonical_json(list(problem.tests))
    row["meta"] = canonical_json(dict(problem.meta))
    return row


def _completion_row(completion: Any) -> dict[str, Any]:
    row = _plain_row(completion)
    messages = completion.messages
    row["messages"] = None if messages is None else canonical_json([asdict(message) for message in messages])
    row["meta"] = canonical_json(dict(completion.meta))
    for name in (*_INT_LISTS, *_FLOAT_LISTS):
        row[name] = None if row[name] is None else list(row[name])
    return row


def _problem(**row: Any) -> Problem:
    row.pop("id", None)
    row.pop("prompt_id", None)
    row["prompt"] = prompt_from_json(row["prompt"])
    row["tests"] = tuple(json.loads(row.get("tests") or "[]"))
    row["meta"] = json.loads(row.get("meta") or "{}")
    return Problem(**row)


def _completion(**row: Any) -> Completion:
    messages = row.get("messages")
    row["messages"] = None if messages is None else tuple(Message(**item) for item in json.loads(messages))
    row["meta"] = json.loads(row.get("meta") or "{}")
    for name in (*_INT_LISTS, *_FLOAT_LISTS):
        row[name] = None if row.get(name) is None else tuple(row[name])
    return Completion(**row)


_ENCODE: Mapping[Kind, Callable[[Any], dict[str, Any]]] = {"problems": _problem_row, "completions": _completion_row}
_DECODE: Mapping[Kind, Callable[..., Any]] = {"problems": _problem, "completions": _completion}
