"""The pool of a run or a dataset version: its measured rollouts with answers and scores, for votes and replays.

Only rollouts that were fixed before any verdict are in it; what a stopping rule drew is no measurement.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from storage.errors import SetupError, unknown_name
from storage.pool import MEASURED, STRATA, Pool, pool_of
from storage.queries.scope import Scope
from storage.scores import about, marks_of

_ROWS = """
SELECT problem_id, completion_id, arm, outcome, verifier, verifier_version, kept, reason
FROM rollouts WHERE {measured} ORDER BY problem_id, arm, sample_index, completion_id
"""
_MINE = "FROM {kind} WHERE {column} IN (SELECT {key} FROM rows_of_pool)"


@dataclass(frozen=True, slots=True)
class ScopePool:
    """The pool of a scope, and the ids of its rows' completions, by which their texts are fetched."""

    scope: Scope
    pool: Pool
    completions: tuple[str, ...]

    def texts(self) -> tuple[str, ...]:
        """The text of every row."""
        with self.scope.connection("rollouts", "completions") as connection:
            connection.register("wanted", pa.table({"id": pa.array(sorted(set(self.completions)), pa.string())}))
            rows = connection.execute("SELECT id, text FROM completions SEMI JOIN wanted USING (id)").fetchall()
        known = dict(rows)
        return tuple(known[cid] for cid in self.completions)


def scope_pool(scope: Scope) -> ScopePool:
    """The pool of a run or a version; SetupError where none of its rollouts were fixed before a verdict."""
    if scope.prefix == 0:
        raise SetupError(
            f"{scope.name} has no completions that were fixed before a verdict: its budget drew by outcomes alone.",
            next_command="curate with a budget that has an `initial` number of completions, or `method: fixed`",
        )
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        rows: pa.Table = connection.sql(_ROWS.format(measured=scope.measured())).to_arrow_table()
        connection.register("rows_of_pool", rows.select(["problem_id", "completion_id"]))

        def table(kind: str, columns: Sequence[str], key: str = "completion_id") -> pa.Table:
            column = "id" if kind in ("problems", "completions") else "completion_id"
            query = f"SELECT {', '.join(columns)} {_MINE.format(kind=kind, column=column, key=key)}"
            return connection.sql(f"{query} ORDER BY ALL").to_arrow_table()

        problems = table("problems", ("id", *STRATA), "problem_id")
        completions = table("completions", ("id", "model", "sample_index", "tokens_out", *MEASURED))
        verdicts = table(
            "verdicts", ("completion_id", "problem_id", "verifier", "version", "outcome", "normal_form", "extracted")
        )
        if scope.run is not None:
            connection.execute(f"CREATE VIEW scores AS {scope.reader.rows('scores')}")
        scores = table("scores", ("completion_id", "problem_id", "scorer", "version", "value"))
    if scope.run is not None:
        scores = about(scores, marks_of(scope.reader.runs, scope.run))
    pool = pool_of(problems, completions, rows, verdicts, scores)
    return ScopePool(scope, pool.measured(None), tuple(rows["completion_id"].to_pylist()))


def with_meta(scope: Scope, pool: Pool, names: Sequence[str]) -> Pool:
    """The pool with a stratum per name `meta.KEY`, from its problems' `meta`; None where a problem has no such key.

    SetupError where no problem has the key. Values that are no text and no whole number stand as JSON.
    """
    keys = [name for name in names if name.startswith("meta.")]
    if not keys:
        return pool
    with scope.connection("problems") as connection:
        meta = {
            pid: json.loads(text or "{}") for pid, text in connection.execute("SELECT id, meta FROM problems").fetchall()
        }
    strata = dict(pool.strata)
    for name in keys:
        found = [meta.get(pid, {}).get(name.removeprefix("meta.")) for pid in pool.problems]
        if all(value is None for value in found):
            known = sorted({f"meta.{key}" for one in meta.values() for key in one})
            raise unknown_name("group", name, known)
        strata[name] = tuple(one if one is None or type(one) in (str, int) else json.dumps(one) for one in found)
    return replace(pool, strata=strata)
