"""Everything known of one completion or problem of a run that published no version: from its plan and the segments.

The same answer as `storage.versions.why`, so that a gate that said no, or a run that is not over, can be looked into too.
"""

from typing import TYPE_CHECKING, Any

from storage.errors import SetupError
from storage.queries.reader import Reader
from storage.queries.scope import run_scope

if TYPE_CHECKING:
    import duckdb

    from storage.versions.why import Why

_SHOWN = 8
_SHORTEST = 4
_FIND = (
    "SELECT DISTINCT 'completion' AS kind, completion_id AS id FROM planned WHERE starts_with(completion_id, $1) "
    "UNION SELECT 'problem', problem_id FROM planned WHERE starts_with(problem_id, $1) "
    "ORDER BY 1, 2 LIMIT 9"  # one more than is shown
)
_MINE = "(completion_id, problem_id) IN (SELECT (completion_id, problem_id) FROM mine)"


def run_of(reader: Reader, reference: str) -> str | None:
    """The run that a person names: its id, or the dataset it would publish (then the latest such run); None if neither."""
    runs = sorted(reader.runs.list(), key=lambda run: run.is_pilot)
    named = [run.id for run in runs if run.id == reference]
    return next(iter([*named, *(run.id for run in runs if run.recipe.get("dataset", run.name) == reference)]), None)


def why_in_run(reader: Reader, run_id: str, id_prefix: str) -> "Why":
    """Look a row of a run up by the first digits of its id; SetupError if they fit none or several."""
    from storage.versions.why import Why

    prefix = id_prefix.strip().lower()
    if len(prefix) < _SHORTEST:
        raise SetupError(f"{id_prefix!r} is too short: give at least {_SHORTEST} digits of an id.")
    scope = run_scope(reader, run_id)
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        kind, found = _find(connection, run_id, prefix)
        connection.execute(f"CREATE TEMP TABLE mine AS SELECT * FROM planned WHERE {kind}_id = ?", [found])  # noqa: S608
        connection.execute(f"CREATE VIEW scores AS {reader.rows('scores')}")
        return Why(
            kind="completion" if kind == "completion" else "problem",
            id=found,
            version=f"run {run_id}",
            problems=_rows(connection, "problems", "id IN (SELECT problem_id FROM mine)"),
            rollouts=_rows(connection, "completions", "id IN (SELECT completion_id FROM mine)"),
            verdicts=_rows(connection, "verdicts", _MINE),
            scores=_rows(connection, "scores", _MINE),
            decisions=_rows(connection, "decided", _MINE) if scope.decided else (),
            arms=_rows(connection, "(SELECT completion_id, problem_id, arm FROM planned)", f"arm <> '' AND {_MINE}"),
            made_by={"run": run_id, "recipe_hash": scope.run.recipe_hash if scope.run else None, "fingerprint": None},
            versions=(),
        )


def _find(connection: "duckdb.DuckDBPyConnection", run_id: str, prefix: str) -> tuple[str, str]:
    matches = connection.execute(_FIND, [prefix]).fetchall()
    if len(matches) == 1:
        return matches[0][0], matches[0][1]
    if not matches:
        raise SetupError(
            f"run {run_id} planned no completion and has no problem whose id begins with {prefix!r}.",
            next_command=f"rollmill runs show {run_id}",
        )
    more = " and more" if len(matches) > _SHOWN else ""
    listed = ", ".join(f"{kind} {found[: len(prefix) + 8]}" for kind, found in matches[:_SHOWN])
    raise SetupError(f"{prefix!r} fits several ids: {listed}{more}. Give more digits.")


def _rows(connection: "duckdb.DuckDBPyConnection", table: str, condition: str) -> tuple[dict[str, Any], ...]:
    found = connection.sql(f"SELECT * FROM {table} WHERE {condition} ORDER BY ALL")  # noqa: S608
    return tuple(found.to_arrow_table().to_pylist())
