"""The pool of a run or a dataset version: its measured rollouts with answers and scores, for votes and replays.

It contains only rollouts fixed before any verdict; draws by a stopping rule give no unbiased rate.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import MEASURED, STRATA, Pool, pool_of
from rollmill.metrics import BY_RESULTS, BY_WEIGHT
from rollmill.storage.queries.scope import Scope
from rollmill.storage.scores import about, marks_of
from rollmill.storage.segments.schema import text_array

COLUMNS = (*STRATA, "model", "step")
"""Columns by which every pool can be cut; any other name is a key of the problems' meta."""
_ROWS = """
SELECT problem_id, completion_id, step, outcome, verifier, verifier_version, kept, reason
FROM rollouts WHERE {measured} ORDER BY problem_id, step, sample_index, completion_id
"""
VERDICTS = ("completion_id", "problem_id", "verifier", "version", "outcome", "normal_form", "extracted")
_MINE = "FROM {kind} WHERE {column} IN (SELECT {key} FROM rows_of_pool)"


@dataclass(frozen=True, slots=True)
class ScopePool:
    """The pool of a scope, and the completion ids of its rows, by which their texts are read."""

    scope: Scope
    pool: Pool
    completions: tuple[str, ...]

    def texts(self) -> tuple[str, ...]:
        """The text of every row."""
        with self.scope.connection("rollouts", "completions") as connection:
            connection.register("wanted", pa.table({"id": text_array(sorted(set(self.completions)))}))
            rows = connection.execute("SELECT id, text FROM completions SEMI JOIN wanted USING (id)").fetchall()
        known = dict(rows)
        return tuple(known[cid] for cid in self.completions)


def scope_pool(scope: Scope, *, answers: bool = True) -> ScopePool:
    """The pool of a run or a version; SetupError if no rollouts were fixed before a verdict.

    `answers`: the votes of the rollouts too, which take longer to read than everything else.
    """
    if scope.prefix == 0:
        raise SetupError(
            f"{scope.name} has no completions that were fixed before a verdict: every draw {BY_RESULTS}; "
            f"or its completions {BY_WEIGHT}.",
            next_command="curate with a budget that has an `initial` number of completions, or `method: fixed`",
        )
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        rows: pa.Table = connection.sql(_ROWS.format(measured=scope.measured())).to_arrow_table()
        connection.register("rows_of_pool", rows.select(["problem_id", "completion_id"]))

        def table(kind: str, columns: Sequence[str], key: str = "completion_id") -> pa.Table:
            column = "id" if kind in ("problems", "completions") else "completion_id"
            query = f"SELECT {', '.join(columns)} {_MINE.format(kind=kind, column=column, key=key)}"
            # A view gives rows in no fixed order, and places in the pool depend on it.
            return connection.sql(f"{query} ORDER BY ALL").to_arrow_table()

        problems = table("problems", ("id", *STRATA), "problem_id")
        completions = table("completions", ("id", "model", "sample_index", "tokens_out", *MEASURED))
        verdicts = table("verdicts", VERDICTS) if answers else None
        # A version has a table of this name, a run reads those of the workspace.
        if scope.run is not None:
            connection.execute(f"CREATE VIEW scores AS {scope.reader.rows('scores')}")
        scores = table("scores", ("completion_id", "problem_id", "scorer", "version", "value"))
    if scope.run is not None and len(scores):
        # Runs share completions, and scores that hold for another run's rows are stored under them.
        scores = about(scores, marks_of(scope.reader.runs, scope.run))
    pool = pool_of(problems, completions, rows, verdicts, scores)
    # None: the query has already left out the unmeasured rollouts.
    return ScopePool(scope, pool.measured(None), tuple(rows["completion_id"].to_pylist()))


def with_meta(scope: Scope, pool: Pool, names: Iterable[str], *, missing: bool = False) -> Pool:
    """The pool with a stratum for each of these names that is a key of its problems' `meta`: `meta.KEY`, or KEY if no
    column has that name. None for a problem without the key. Values other than texts and whole numbers become JSON.

    SetupError if no problem has it; with `missing` the name is left out.
    """
    wanted = {name for name in names if name not in COLUMNS and name not in pool.strata}
    if not wanted:
        return pool
    meta, strata = _meta(scope, pool), dict(pool.strata)
    for name in sorted(wanted):
        key = name.removeprefix("meta.")
        if any(key in fields for fields in meta):
            values = [fields.get(key) for fields in meta]
            # Not isinstance in the test: True would be the group 1.
            strata[name] = tuple(
                value if value is None or type(value) in (str, int) else json.dumps(value) for value in values
            )
        elif not missing:
            raise unknown_name("group", name, [*COLUMNS, *meta_keys(scope, pool)])
    return replace(pool, strata=strata)


def meta_keys(scope: Scope, pool: Pool) -> list[str]:
    """Names for `with_meta`, as `meta.KEY`."""
    return sorted({f"meta.{key}" for fields in _meta(scope, pool) for key in fields})


def _meta(scope: Scope, pool: Pool) -> list[dict[str, Any]]:
    """The `meta` of each problem of a pool, in order."""
    with scope.connection("problems") as connection:
        connection.register("wanted", pa.table({"id": text_array(pool.problems)}))
        rows = connection.execute("SELECT id, meta FROM problems SEMI JOIN wanted USING (id)").fetchall()
    known = {pid: json.loads(text or "{}") for pid, text in rows}
    return [known.get(pid, {}) for pid in pool.problems]
