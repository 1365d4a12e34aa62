"""The views that questions are asked of, for a run, a dataset version and a workspace. Knows SQL and no question.

- `rollouts`: one row per planned rollout: problem_id, completion_id, sample_index, arm ('' without arms), outcome,
  verifier, verifier_version, kept, reason. The outcome is the accepted one (storage.queries.acceptance), `pending` while a
  verdict is missing.
- `outcomes`: the same without sample_index and arm, which spares a join.
- `problems`, `completions`, `verdicts`: the columns of their kinds.

A view costs a listing of files, so only wanted ones are made; a column that a question does not name is not read.
"""

# ruff: noqa: S608 (the SQL is made of our own names and of quoted literals)

from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from storage.queries.acceptance import PENDING, accepted_sql
from storage.queries.reader import Reader
from storage.runs import Run

if TYPE_CHECKING:
    import duckdb

View = Literal["rollouts", "outcomes", "problems", "completions", "verdicts"]

_NOT_DECIDED = "CAST(NULL AS BOOLEAN) AS kept, CAST(NULL AS VARCHAR) AS reason"

_DECIDED = """
CREATE VIEW rollouts AS
SELECT d.problem_id, d.completion_id, p.sample_index, coalesce(p.arm, '') AS arm, d.outcome, d.verifier,
       d.verifier_version, d.kept, d.reason
FROM decided d JOIN planned p USING (problem_id, completion_id)
"""
_JUDGED = f"""
CREATE VIEW rollouts AS
SELECT p.problem_id, p.completion_id, p.sample_index, coalesce(p.arm, '') AS arm,
       coalesce(v.found.outcome, '{PENDING}') AS outcome, v.found.verifier AS verifier,
       v.found.version AS verifier_version, {_NOT_DECIDED}
FROM planned p LEFT JOIN ({{accepted}}) v USING (completion_id, problem_id)
"""
_OF_WORKSPACE = f"""
CREATE VIEW rollouts AS
SELECT p.id AS problem_id, c.id AS completion_id, c.sample_index, '' AS arm,
       coalesce(v.found.outcome, '{PENDING}') AS outcome, v.found.verifier AS verifier,
       v.found.version AS verifier_version, {_NOT_DECIDED}
FROM completions c JOIN problems p ON p.prompt_id = c.prompt_id AND coalesce(c.meta ->> '$.problem_id', p.id) = p.id
LEFT JOIN (
    SELECT completion_id, problem_id,
           arg_max({{outcome: outcome, verifier: verifier, version: version}},
                   (outcome <> 'undecided', verifier, version)) AS found
    FROM verdicts GROUP BY completion_id, problem_id
) v ON v.completion_id = c.id AND v.problem_id = p.id
"""
_OF_VERSION = """
CREATE TEMP VIEW rollouts AS
SELECT d.problem_id, d.completion_id, r.sample_index, {arm} AS arm, d.outcome, d.verifier, d.verifier_version, d.kept,
       d.reason
FROM {version}.decisions d JOIN {version}.rollouts r ON r.id = d.completion_id
"""
_OUTCOMES = "CREATE TEMP VIEW outcomes AS SELECT problem_id, completion_id, outcome, kept, reason FROM {rows}"


def of_run(
    connection: "duckdb.DuckDBPyConnection", reader: Reader, run: Run, *, decided: bool, wanted: Collection[View]
) -> None:
    """The views of a run: its decisions once it has decided, until then its plan with the verdicts there are."""
    connection.execute(f"CREATE VIEW planned AS {reader.rows('plan', run.id)}")
    if decided:
        connection.execute(f"CREATE VIEW decided AS {_latest(reader, run)}")
    if "completions" in wanted:
        connection.execute(f"CREATE VIEW completions AS {reader.rows('completions')}")
    if "verdicts" in wanted or not decided:
        connection.execute(f"CREATE VIEW verdicts AS {reader.rows('verdicts')}")
    if "problems" in wanted:
        mine = "SELECT problem_id FROM planned"
        connection.execute(f"CREATE VIEW problems AS SELECT * FROM ({reader.rows('problems')}) WHERE id IN ({mine})")
    connection.execute(_DECIDED if decided else _judged(run))
    connection.execute(_OUTCOMES.format(rows="decided" if decided else "rollouts"))


def of_workspace(connection: "duckdb.DuckDBPyConnection", reader: Reader) -> None:
    """The views of everything stored."""
    for kind in ("problems", "completions", "verdicts"):
        connection.execute(f"CREATE VIEW {kind} AS {reader.rows(kind)}")
    connection.execute(_OF_WORKSPACE)
    connection.execute(_OUTCOMES.format(rows="rollouts"))


def of_version(connection: "duckdb.DuckDBPyConnection") -> None:
    """The views of a dataset version, in a connection to its rows: it has problems and verdicts as they are, and its
    completions under the name of rollouts. Temporary views come before its own and write nothing to it.
    """
    catalog = connection.execute("SELECT current_catalog()").fetchall()[0][0]
    version = f'"{catalog}".main'
    connection.execute(f"CREATE TEMP VIEW completions AS SELECT * FROM {version}.rollouts")
    stored = {row[0] for row in connection.execute(f"DESCRIBE {version}.decisions").fetchall()}
    arm = "coalesce(d.arm, '')" if "arm" in stored else "''"  # versions older than arms have no such column
    connection.execute(_OF_VERSION.format(version=version, arm=arm))
    connection.execute(_OUTCOMES.format(rows=f"{version}.decisions"))


def _latest(reader: Reader, run: Run) -> str:
    """A run decided anew (its verdicts changed) has several sets of decisions; the last one registered counts."""
    rows = reader.rows("decisions", run.id)
    if reader.count("decisions", run.id) == reader.count("plan", run.id):
        return rows
    return (
        f"SELECT * EXCLUDE (position) FROM (SELECT *, row_number() OVER () AS position FROM ({rows})) "
        "QUALIFY row_number() OVER (PARTITION BY completion_id, problem_id ORDER BY position DESC) = 1"
    )


def _judged(run: Run) -> str:
    return _JUDGED.format(accepted=accepted_sql(run.recipe))
