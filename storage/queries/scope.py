"""What a question is about: one run, one dataset version or the whole workspace, as the same views.

`rollouts` has one row per planned rollout: problem_id, completion_id, sample_index, outcome (`pending` while its chain of
verifiers has not finished), verifier, verifier_version, kept, reason. Questions are then written once, and columns that a
question does not name are not read. The outcome is that of the first verifier of the chain that decided.
"""

# ruff: noqa: S608 (the SQL is made of our own names and of quoted literals)

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.queries.reader import Reader
from storage.runs import Run
from storage.segments.views import quoted

if TYPE_CHECKING:
    import duckdb

PENDING = "pending"
IMPORTED = "imported"

_DECIDED = """
CREATE VIEW rollouts AS
SELECT d.problem_id, d.completion_id, p.sample_index, d.outcome, d.verifier, d.verifier_version, d.kept, d.reason
FROM decided d JOIN planned p USING (problem_id, completion_id)
"""
_JUDGED = """
CREATE VIEW rollouts AS
SELECT p.problem_id, p.completion_id, p.sample_index,
       CASE WHEN v.found IS NULL OR (v.found.outcome = 'undecided' AND v.judged < {length}) THEN 'pending'
            ELSE v.found.outcome END AS outcome,
       v.found.verifier AS verifier, v.found.version AS verifier_version,
       CAST(NULL AS BOOLEAN) AS kept, CAST(NULL AS VARCHAR) AS reason
FROM planned p LEFT JOIN (
    SELECT completion_id, problem_id,
           arg_min({{outcome: outcome, verifier: verifier, version: version}},
                   CASE WHEN outcome = 'undecided' THEN 2 * {length} - rank ELSE rank END) AS found, count(*) AS judged
    FROM verdicts JOIN (VALUES {chain}) AS chain(verifier, version, rank) USING (verifier, version)
    GROUP BY completion_id, problem_id
) v USING (completion_id, problem_id)
"""
_OF_WORKSPACE = """
CREATE VIEW rollouts AS
SELECT p.id AS problem_id, c.id AS completion_id, c.sample_index, coalesce(v.found.outcome, 'pending') AS outcome,
       v.found.verifier AS verifier, v.found.version AS verifier_version,
       CAST(NULL AS BOOLEAN) AS kept, CAST(NULL AS VARCHAR) AS reason
FROM completions c JOIN problems p ON p.prompt_id = c.prompt_id AND coalesce(c.meta ->> '$.problem_id', p.id) = p.id
LEFT JOIN (
    SELECT completion_id, problem_id,
           arg_max({outcome: outcome, verifier: verifier, version: version},
                   (outcome <> 'undecided', verifier, version)) AS found
    FROM verdicts GROUP BY completion_id, problem_id
) v ON v.completion_id = c.id AND v.problem_id = p.id
"""
_OF_VERSION = """
CREATE VIEW rollouts AS
SELECT d.problem_id, d.completion_id, r.sample_index, d.outcome, d.verifier, d.verifier_version, d.kept, d.reason
FROM version.decisions d JOIN version.rollouts r ON r.id = d.completion_id
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """One run, dataset version or (with neither) the workspace to ask about.

    `prefix`: completions per problem fixed beforehand, which rates are over; None where nothing was fixed (imports).
    `decided`: whether kept and reason are known.
    """

    reader: Reader
    name: str
    prefix: int | None
    decided: bool
    run: Run | None = None
    database: str | None = None

    @contextmanager
    def connection(self) -> Iterator["duckdb.DuckDBPyConnection"]:
        """An in-memory connection with the views `problems`, `rollouts`, `completions` and `verdicts` of this scope."""
        connection = self.open()
        try:
            yield connection
        finally:
            connection.close()

    def open(self) -> "duckdb.DuckDBPyConnection":
        """The same connection for callers that keep it; they close it."""
        connection = self.reader.connection()
        if self.database is not None:
            _version_views(connection, self.database)
        elif self.run is not None:
            _run_views(connection, self.reader, self.run, decided=self.decided)
        else:
            _workspace_views(connection, self.reader)
        return connection

    def measured(self) -> str:
        """The SQL condition on `rollouts` that a rate is over: the fixed prefix, or everything."""
        return "true" if self.prefix is None else f"sample_index < {self.prefix}"


def run_scope(reader: Reader, run_id: str) -> Scope:
    """The scope of a run; SetupError where there is no such run."""
    run = reader.runs.get(run_id)
    imported = run.recipe.get("generate", {}).get("engine") == IMPORTED
    with reader.connection() as connection:
        connection.execute(f"CREATE VIEW planned AS {reader.rows('plan', run.id)}")
        connection.execute(f"CREATE VIEW decided AS {reader.rows('decisions', run.id)}")
        planned = connection.execute("SELECT count(*) FROM planned").fetchall()[0][0]
        decided = connection.execute("SELECT count(DISTINCT (completion_id, problem_id)) FROM decided").fetchall()[0][0]
        prefix = None if imported else _first_round(connection)
    return Scope(reader, run.id, prefix, decided=planned > 0 and decided == planned, run=run)


def dataset_scope(reader: Reader, reference: str) -> Scope:
    """The scope of a dataset version (`name`, `name@v2`, `name@tag`); SetupError where it is unknown or not fetched."""
    from storage.versions import load_manifest, open_version, resolve

    info = resolve(reader.datasets, reference)
    open_version(info).close()  # says how to fetch rows that are not here
    prefix = load_manifest(info).get("metrics", {}).get("prefix")
    return Scope(reader, info.ref, prefix, decided=True, database=str(info.path / "dataset.duckdb"))


def workspace_scope(reader: Reader) -> Scope:
    """The scope of every completion in the workspace, planned by a run or only imported. Of several verifiers' verdicts a
    decided one counts; no rate over it is a measurement, because runs may have drawn adaptively.
    """
    return Scope(reader, "workspace", None, decided=False)


def chain_of(run: Run) -> list[tuple[str, str]]:
    """(verifier, version) of a run in order."""
    return [(name, version) for name, version in run.recipe.get("resolved", {}).get("verifiers", [])]


def _first_round(connection: "duckdb.DuckDBPyConnection") -> int | None:
    """Round 0 draws the same number for every problem; the least is what all of them have."""
    query = "SELECT min(n) FROM (SELECT count(*) AS n FROM planned WHERE round = 0 GROUP BY problem_id)"
    least: int | None = connection.execute(query).fetchall()[0][0]
    return least


def _run_views(connection: "duckdb.DuckDBPyConnection", reader: Reader, run: Run, *, decided: bool) -> None:
    connection.execute(f"CREATE VIEW planned AS {reader.rows('plan', run.id)}")
    connection.execute(f"CREATE VIEW completions AS {reader.rows('completions')}")
    connection.execute(f"CREATE VIEW verdicts AS {reader.rows('verdicts')}")
    connection.execute(
        f"CREATE VIEW problems AS SELECT * FROM ({reader.rows('problems')}) WHERE id IN (SELECT problem_id FROM planned)"
    )
    if decided:
        connection.execute(f"CREATE VIEW decided AS {_latest(connection, reader, run)}")
        connection.execute(_DECIDED)
    else:
        connection.execute(_judged(chain_of(run)))


def _latest(connection: "duckdb.DuckDBPyConnection", reader: Reader, run: Run) -> str:
    """A run decided anew (its verdicts changed) has several sets of decisions; the last one registered counts."""
    rows = reader.rows("decisions", run.id)
    total, pairs = connection.execute(
        f"SELECT count(*), count(DISTINCT (completion_id, problem_id)) FROM ({rows})"
    ).fetchall()[0]
    if total == pairs:
        return rows
    return (
        f"SELECT * EXCLUDE (position) FROM (SELECT *, row_number() OVER () AS position FROM ({rows})) "
        "QUALIFY row_number() OVER (PARTITION BY completion_id, problem_id ORDER BY position DESC) = 1"
    )


def _judged(chain: Sequence[tuple[str, str]]) -> str:
    rows = [f"({quoted(name)}, {quoted(version)}, {rank})" for rank, (name, version) in enumerate(chain)]
    return _JUDGED.format(chain=", ".join(rows) or "('', '', 0)", length=len(chain) or 1)


def _workspace_views(connection: "duckdb.DuckDBPyConnection", reader: Reader) -> None:
    for kind in ("problems", "completions", "verdicts"):
        connection.execute(f"CREATE VIEW {kind} AS {reader.rows(kind)}")
    connection.execute(_OF_WORKSPACE)


def _version_views(connection: "duckdb.DuckDBPyConnection", database: str) -> None:
    connection.execute(f"ATTACH {quoted(database)} AS version (READ_ONLY)")
    connection.execute("CREATE VIEW problems AS SELECT * FROM version.problems")
    connection.execute("CREATE VIEW completions AS SELECT * FROM version.rollouts")
    connection.execute("CREATE VIEW verdicts AS SELECT * FROM version.verdicts")
    connection.execute(_OF_VERSION)
