"""Arrow schemas of the segment kinds, and records to tables and back. Knows nothing of files or the ledger.

Every column a later reader may want exists from the first schema on, null where an engine cannot give it; nested values
(messages, meta, tests, stop strings) are canonical JSON text.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from operator import attrgetter
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


CHUNK = 16_384  # rows that are converted at a time


def to_table(kind: Kind, records: Iterable[Record]) -> pa.Table:
    """Records of one kind as an Arrow table with that kind's schema."""
    schema = SCHEMAS[kind]
    encode = _ENCODE.get(kind, _plain_row)
    rows = [encode(record) for record in records]
    return pa.table({name: [row[name] for row in rows] for name in schema.names}, schema=schema)


def from_table(kind: Kind, table: pa.Table) -> list[Any]:
    """The records of a table; columns that the table lacks take the record's default."""
    known = SCHEMAS[kind].names
    names = [name for name in known if name in table.column_names]
    made: list[Any] = []
    for batch in table.select(names).to_batches(max_chunksize=CHUNK):  # a value of its own is many times one in a column
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        if names == known and kind in _IN_ORDER:
            made += [_IN_ORDER[kind](*row) for row in rows]
        else:
            decode = _DECODE.get(kind, RECORDS[kind])
            made += [decode(**dict(zip(names, row, strict=True))) for row in rows]
    return made


def prompt_from_json(text: str) -> str | tuple[Message, ...]:
    """A stored prompt back as the text or the messages it was."""
    value = json.loads(text)
    return value if isinstance(value, str) else tuple(Message(**item) for item in value)


def _plain_row(record: Any) -> dict[str, Any]:
    names, values = _FIELDS[type(record)]
    return dict(zip(names, values(record), strict=True))


def _reading(record: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """The names of a record's fields and what reads them all at once; looked up per row they took a third of writing."""
    names = tuple(field.name for field in fields(record))
    return names, attrgetter(*names)


_FIELDS = {record: _reading(record) for record in RECORDS.values()}


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
    row["meta"] = canonical_json(dict(completion.meta)) if completion.meta else "{}"
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
    meta = row.get("meta")
    row["meta"] = {} if meta in (None, "", "{}") else json.loads(meta)
    for name in (*_INT_LISTS, *_FLOAT_LISTS):
        row[name] = None if row.get(name) is None else tuple(row[name])
    return Completion(**row)


def _arm_row(record: Any) -> dict[str, Any]:
    """No arm is null, as in rows older than arms: equal rows stay equal, and shards shared."""
    return {**_plain_row(record), "arm": record.arm or None}


def _with_arm(record: type[Any]) -> Callable[..., Any]:
    return lambda **row: record(**{**row, "arm": row.get("arm") or ""})


_ENCODE: Mapping[Kind, Callable[[Any], dict[str, Any]]] = {
    "problems": _problem_row,
    "completions": _completion_row,
    "plan": _arm_row,
    "decisions": _arm_row,
}
_DECODE: Mapping[Kind, Callable[..., Any]] = {
    "problems": _problem,
    "completions": _completion,
    "plan": _with_arm(PlanRow),
    "decisions": _with_arm(Decision),
}


def _with_plain_arm(record: type[Any]) -> Callable[..., Any]:
    """A row's values in the order of the fields; the arm is the last of them."""
    return lambda *values: record(*values) if values[-1] is not None else record(*values[:-1])


def _plan_row(*values: Any) -> PlanRow:
    """A plan of a million rows names one run and few problems: each name is kept once."""
    run, number, batch, ordinal, problem, prompt, completion, index, seed, arm = values
    once = sys.intern
    names = once(problem), once(prompt), completion
    return PlanRow(once(run), number, batch, ordinal, *names, index, seed, once(arm or ""))


# What is read most, by rounds and resumes, is made of its values in order: half the time of making it by names.
_IN_ORDER: Mapping[Kind, Callable[..., Any]] = {
    "plan": _plan_row,
    "decisions": _with_plain_arm(Decision),
    "verdicts": RECORDS["verdicts"],
}
