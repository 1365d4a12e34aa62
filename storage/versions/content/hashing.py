"""The identity of a version: SHA-256 over its rows in canonical order and form. Knows nothing of files or numbers.

A row is the canonical JSON of [kind, value, value, ...], the values in the order of a named column list; rows are sorted by
kind and by the key of that kind. Left out on purpose: times, run and batch ids, model paths, free `meta`, and float scores,
which differ in their last digit between machines and have a hash of their own.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollmill.ground.id_keys import id_keys, places
from rollmill.storage.segments.keys import Kind
from rollmill.storage.versions.content.snapshot import Snapshot, in_key_order

CONTENT_COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "completions": (
        "id",
        "prompt_id",
        "engine",
        "model_digest",
        "stream",
        "sample_index",
        "seed",
        "text",
        "reasoning",
        "messages",
        "finish_reason",
        "tokens_in",
        "tokens_out",
    ),
    "decisions": (
        "problem_id",
        "completion_id",
        "selector",
        "version",
        "kept",
        "reason",
        "outcome",
        "verifier",
        "verifier_version",
    ),
    "problems": (
        "id",
        "prompt_id",
        "prompt",
        "reference",
        "kind",
        "tests",
        "source",
        "licence",
        "split",
        "level",
        "skill",
        "template",
        "external_id",
    ),
    "verdicts": ("completion_id", "problem_id", "verifier", "version", "outcome", "rule", "extracted"),
}
THREAD_COLUMNS = ("problem_id", "completion_id", "step", "role", "after")
STEP_COLUMNS = ("problem_id", "completion_id", "step")
SCORE_COLUMNS = ("completion_id", "problem_id", "scorer", "version", "value")
LINE_COLUMNS = ("completion_id", "problem_id", "scorer", "version", "steps")

_CHUNK = 4_096  # rows turned into Python values at a time: bounds memory, large enough to amortise the calls
# A row is a list, so keys need no sorting.
_ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def content_hash(snapshot: Snapshot) -> str:
    """64 hex digits over problems, completions, verdicts and decisions; independent of the order of rows."""
    groups = [_rows(kind, snapshot.table(kind), columns) for kind, columns in CONTENT_COLUMNS.items()]
    routed = pc.is_valid(snapshot.decisions["step"])  # empty for a recipe without steps
    threads = _rows("threads", snapshot.threads, THREAD_COLUMNS)  # empty without follow-ups
    # Groups of their own, not columns: content without steps and threads keeps the hash from before they existed.
    return _digest([*groups, _rows("decisions", snapshot.decisions, STEP_COLUMNS, routed), threads])


def kept_hash(snapshot: Snapshot) -> str:
    """64 hex digits over the rows of kept decisions: the problems, the completions and their pairs.

    Verdicts and reasons are left out, so versions that keep the same rows for other reasons have equal hashes.
    """
    kept = pc.fill_null(snapshot.decisions["kept"], fill_value=False)
    return _digest(
        [
            _kept_rows(snapshot, "completions", kept),
            _rows("decisions", snapshot.decisions, ("problem_id", "completion_id"), kept),
            _kept_rows(snapshot, "problems", kept),
        ]
    )


def _kept_rows(snapshot: Snapshot, kind: Literal["completions", "problems"], kept: pa.ChunkedArray) -> Iterator[list[str]]:
    """The rows of a kind named by kept decisions."""
    table, column = snapshot.table(kind), {"completions": "completion_id", "problems": "problem_id"}[kind]
    named = np.unique(id_keys(snapshot.decisions[column].filter(kept)))
    return _rows(kind, table, CONTENT_COLUMNS[kind], pa.chunked_array([places(id_keys(table["id"]), named) >= 0]))


def scores_hash(snapshot: Snapshot) -> str:
    """64 hex digits over the scores and the scores of single lines, each rounded to 12 significant digits."""
    scores = snapshot.scores
    by_line = pc.is_valid(scores["steps"])
    # Line scores apart: a version without any keeps the hash from before they existed.
    return _digest([_rows("scores", scores, SCORE_COLUMNS), _rows("scores", scores, LINE_COLUMNS, by_line)])


def _digest(groups: Iterable[Iterator[list[str]]]) -> str:
    digest = hashlib.sha256()
    for group in groups:
        for lines in group:
            # A newline ends every row; canonical JSON holds no raw newline, so rows cannot run together.
            digest.update(("\n".join(lines) + "\n").encode("utf-8"))
    return digest.hexdigest()


def _rows(
    kind: Kind, table: pa.Table, columns: Sequence[str], chosen: pa.ChunkedArray | None = None
) -> Iterator[list[str]]:
    """The rows of a table (or the chosen ones) as JSON lines in key order, a chunk at a time."""
    for chunk in in_key_order(table, kind, _CHUNK, columns=columns, chosen=chosen):
        values = [_values(chunk[name]) for name in columns]
        yield [_ENCODE([kind, *row]) for row in zip(*values, strict=True)]


def _values(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_floating(column.type):
        return [_twelve_digits(value) for value in values]
    if pa.types.is_list(column.type) and pa.types.is_floating(column.type.value_type):
        return [[_twelve_digits(value) for value in listed] for listed in values]
    return values


def _twelve_digits(value: float | None) -> float | str | None:
    if value is None or not math.isfinite(value):
        return value if value is None else str(value)
    return float(f"{value:.12g}")
