"""What an import already holds in the workspace: ids only, never texts."""

import json
from dataclasses import dataclass
from typing import Any

from storage.segments.schema import Kind
from storage.segments.store import SegmentStore
from storage.segments.views import select


@dataclass(frozen=True, slots=True)
class StoredProblem:
    """The two ids of a stored problem."""

    id: str
    prompt_id: str


def stored_problems(store: SegmentStore, producer: str) -> dict[str, StoredProblem]:
    """The problems of an import by every name they have: external id, further external ids, own id, prompt id."""
    found: dict[str, StoredProblem] = {}
    for row in _rows(store, "problems", producer, "id, prompt_id, external_id, meta"):
        problem = StoredProblem(row["id"], row["prompt_id"])
        others = json.loads(row["meta"] or "{}").get("external_ids", [])
        for name in (row["external_id"], *others, row["id"]):
            if name is not None:
                found[name] = problem
        found.setdefault(problem.prompt_id, problem)
    return found


def stored_completions(store: SegmentStore, producer: str) -> dict[tuple[str, str, int], str]:
    """The completion ids of an import by (problem id, model label, sample index)."""
    rows = _rows(
        store, "completions", producer, "id, json_extract_string(meta, '$.problem_id') AS problem, model, sample_index"
    )
    return {(row["problem"], row["model"], row["sample_index"]): row["id"] for row in rows}


def _rows(store: SegmentStore, kind: Kind, producer: str, columns: str) -> list[dict[str, Any]]:
    """A few columns of an import's rows; texts are not even read."""
    segments = [segment for segment in store.readable(store.registry.segments(kind)) if segment.producer == producer]
    with store.connection() as connection:
        query = f"SELECT {columns} FROM ({select(kind, segments, store.path)})"  # noqa: S608 - our own names only
        found: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return found
