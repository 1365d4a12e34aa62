"""The rows of a run as the tables of a dataset version, and its manifest. Reads the workspace, decides nothing.

Nothing in the manifest depends on when, where or how often the run was interrupted.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flows.metrics import funnel, metrics
from storage.records import PlanRow
from storage.segments.schema import SCHEMAS, Kind, to_table

if TYPE_CHECKING:
    import duckdb

    from flows.session import Session
    from storage.versions import Snapshot

# Rows of a kind that belong to the run: the tables `wanted` (pairs) and `chain` are registered beside the views.
_QUERIES: dict[Kind, str] = {
    "completions": "SELECT * FROM completions WHERE id IN (SELECT completion_id FROM wanted)",
    "verdicts": "SELECT v.* FROM verdicts v SEMI JOIN wanted w ON v.completion_id = w.completion_id "
    "AND v.problem_id = w.problem_id SEMI JOIN chain c ON v.verifier = c.name AND v.version = c.version",
}


def take_snapshot(opened: "Session") -> "Snapshot":
    """Everything the run planned, with verdicts, scores and decisions; the caller has run every round and decided."""
    plan = [row for rows in opened.workspace.runs.plans(opened.run) for row in rows]
    bare = _tables(opened, plan)
    return replace(bare, manifest=_manifest(opened, bare))


def _tables(opened: "Session", plan: list[PlanRow]) -> "Snapshot":
    from storage.versions import Snapshot

    connection = opened.workspace.segments.connect()
    try:
        connection.register("wanted", _pairs(plan))
        connection.register("chain", _parts(list(opened.spec.chain())))
        completions, verdicts = (_rows(connection, kind) for kind in _QUERIES)
    finally:
        connection.close()
    return Snapshot(
        opened.loaded.recipe.dataset,
        problems=to_table("problems", opened.spec.problems),
        completions=completions,
        verdicts=verdicts,
        scores=to_table("scores", opened.decided.scores),
        decisions=to_table("decisions", opened.decided.decisions),
    )


def _rows(connection: "duckdb.DuckDBPyConnection", kind: Kind) -> pa.Table:
    table: Any = connection.sql(_QUERIES[kind]).to_arrow_table()
    rows: pa.Table = table.select(SCHEMAS[kind].names).cast(SCHEMAS[kind])
    return rows


def _pairs(plan: list[PlanRow]) -> pa.Table:
    return pa.table(
        {
            "completion_id": pa.array([row.completion_id for row in plan], pa.string()),
            "problem_id": pa.array([row.problem_id for row in plan], pa.string()),
        }
    )


def _parts(parts: list[tuple[str, str]]) -> pa.Table:
    return pa.table(
        {
            "name": pa.array([name for name, _ in parts], pa.string()),
            "version": pa.array([version for _, version in parts], pa.string()),
        }
    )


def _manifest(opened: "Session", bare: "Snapshot") -> dict[str, Any]:
    spec, loaded = opened.spec, opened.loaded
    runs = opened.workspace.runs
    rounds = sum(map(bool, runs.plans(spec.run)))
    return {
        "recipe": loaded.canonical(),
        "recipe_hash": loaded.recipe_hash,
        "run": spec.run,
        "seed": loaded.recipe.seed,
        "model_digest": None if spec.generator is None else spec.engine().model_digest,
        "fingerprint": {} if spec.generator is None else dict(spec.engine().fingerprint()),
        "verifiers": [{"name": name, "version": version} for name, version in spec.chain()],
        "selector": {"name": spec.selector.name, "version": spec.selector.version},
        "budget": {"name": spec.budget.name, "version": spec.budget.version},
        "funnel": funnel(bare, opened.problems, stops=runs.stops(spec.run), rounds=rounds),
        "metrics": metrics(bare, prefix=prefix_of(opened)),
    }


def prefix_of(opened: "Session") -> int | None:
    """The completions per problem fixed before any verdict, that rates are over; None where all rows were imported."""
    return None if opened.spec.generator is None else getattr(opened.spec.budget, "initial", None)
