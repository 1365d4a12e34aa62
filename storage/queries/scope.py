"""Subjects of queries (one run or one dataset version), and their views.

- `rollouts`: one row per planned rollout: problem_id, completion_id, sample_index, step ('' without steps), outcome,
  verifier, verifier_version, kept, reason. The outcome is the accepted one, which the run stored as its policy decided it
  (rollmill.flows.rounds.outcomes), `pending` until then.
- `outcomes`: the same without sample_index and step, which spares a join.
- `threads`: one row per planned completion of a run or version: problem_id, completion_id, step, role, after (the ids of
  the followed ones, separated by spaces). Completions of unjudged roles are here and not in `rollouts`.
- `problems`, `completions`, `verdicts`: the columns of their kinds.

Queries are thus written once for runs before and after their decisions and for versions. A view costs a listing of files,
so only requested ones are made; columns outside a query are not read.
"""

# ruff: noqa: S608 (the SQL is made of our own names and of quoted literals)

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rollmill.ground.recipe_steps import first_step, step_column, step_roles, takes_imports, unjudged_steps
from rollmill.ground.records import PENDING
from rollmill.storage.queries.reader import Reader
from rollmill.storage.segments.views import no_rows, quoted

if TYPE_CHECKING:
    import duckdb

    from rollmill.storage.runs import Run
    from rollmill.storage.versions.resolve import VersionInfo


View = Literal["rollouts", "outcomes", "threads", "problems", "completions", "verdicts"]


@dataclass(frozen=True, slots=True)
class Scope:
    """A run or dataset version as the subject of queries.

    `prefix`: completions per problem fixed beforehand, the basis of rates; None if all count (imports), 0 if the
    budget's draws allow no rate.
    `decided`: whether kept and reason are known; `decisions`: the number of decisions of a run that has decided.
    `step`: the first of several steps, the only one in rates; "" for a recipe without steps.
    """

    reader: Reader
    name: str
    prefix: int | None
    decided: bool
    run: "Run | None" = None
    version: "VersionInfo | None" = None
    step: str = ""
    decisions: int = 0

    @contextmanager
    def connection(self, *wanted: View) -> Iterator["duckdb.DuckDBPyConnection"]:
        """An in-memory connection with the wanted views of this scope."""
        connection = self.open(*wanted)
        try:
            yield connection
        finally:
            connection.close()

    def open(self, *wanted: View) -> "duckdb.DuckDBPyConnection":
        """The same connection for callers that keep it; they close it."""
        if self.version is not None:
            from rollmill.storage.versions.read import open_version

            connection = open_version(self.version)  # raises with the command that fetches missing rows
            views_of_version(connection)
            return connection
        assert self.run is not None, "a scope is of a run or of a version"
        connection = self.reader.connection()
        _views_of_run(connection, self.reader, self.run, decided=self.decided, wanted=wanted)
        return connection

    def measured(self) -> str:
        """The SQL condition on `rollouts` for measured ones: the fixed prefix, or everything."""
        of_step = f"step = {quoted(self.step)}" if self.step else "true"
        return of_step if self.prefix is None else f"sample_index < {self.prefix} AND {of_step}"

    def is_measured(self, sample_index: int, step: str) -> bool:
        """True for a measured rollout."""
        return step == self.step and (self.prefix is None or sample_index < self.prefix)


def run_scope(reader: Reader, run_id: str) -> Scope:
    """The scope of a run; SetupError for an unknown run."""
    run = reader.runs.get(run_id)
    planned, decided = planned_answers(reader, run), reader.count("decisions", run.id)
    # A run that was decided again has more decisions than planned answers (see _latest).
    done = 0 < planned <= decided
    step = first_step(run.recipe)
    return Scope(reader, run.id, _prefix(run), done, run, step=step, decisions=decided if done else 0)


def dataset_scope(reader: Reader, reference: str) -> Scope:
    """The scope of a dataset version (`name`, `name@v2`, `name@tag`); SetupError if it is unknown or not fetched."""
    from rollmill.storage.versions.read import fixed_prefix, load_manifest
    from rollmill.storage.versions.resolve import resolve

    info = resolve(reader.datasets, reference)
    manifest = load_manifest(info)
    prefix, step = fixed_prefix(manifest), first_step(manifest.get("recipe", {}))
    return Scope(reader, info.ref, prefix, decided=True, version=info, step=step)


def named_scope(reader: Reader, name: str) -> Scope | None:
    """The scope of this name, a dataset (`name`, `name@v2`) before a run; None for an unknown name."""
    from rollmill.storage.artifacts.index import artifact_names

    if name.partition("@")[0] in artifact_names(reader.datasets):
        return dataset_scope(reader, name)
    return run_scope(reader, name) if name in {run.id for run in reader.runs.list()} else None


def _prefix(run: "Run") -> int | None:
    """The recorded prefix of a run; for an older run, from its budget's options, 0 if they have none."""
    if "prefix" in run.recipe:
        recorded: int | None = run.recipe["prefix"]
        return recorded
    if takes_imports(run.recipe):
        return None
    return int(run.recipe.get("budget", {}).get("options", {}).get("initial", 0))


def planned_answers(reader: Reader, run: "Run") -> int:
    """Number of planned answers of a run, which need decisions; counted without reading rows if all rows are answers."""
    unjudged = _named(unjudged_steps(run.recipe))
    if not unjudged:
        return reader.count("plan", run.id)
    with reader.connection() as connection:
        rows = f"SELECT count(*) FROM ({reader.rows('plan', run.id)}) WHERE coalesce(step, '') NOT IN ({unjudged})"
        return int(connection.execute(rows).fetchall()[0][0])


def _named(steps: Collection[str]) -> str:
    return ", ".join(map(quoted, steps))


_NOT_DECIDED = "CAST(NULL AS BOOLEAN) AS kept, CAST(NULL AS VARCHAR) AS reason"

_DECIDED = """
CREATE VIEW rollouts AS
SELECT d.problem_id, d.completion_id, p.sample_index, coalesce(p.step, '') AS step, d.outcome, d.verifier,
       d.verifier_version, d.kept, d.reason
FROM decided d JOIN planned p USING (problem_id, completion_id)
"""
_JUDGED = f"""
CREATE VIEW rollouts AS
SELECT p.problem_id, p.completion_id, p.sample_index, coalesce(p.step, '') AS step,
       coalesce(a.outcome, '{PENDING}') AS outcome, a.verifier, a.verifier_version, {_NOT_DECIDED}
FROM planned p LEFT JOIN ({{accepted}}) a USING (completion_id, problem_id) WHERE {{answers}}
"""
_THREADS_OF_RUN = """
CREATE VIEW threads AS
SELECT problem_id, completion_id, coalesce(step, '') AS step, {role} AS role, coalesce(after, '') AS after FROM planned
"""
_OF_VERSION = """
CREATE TEMP VIEW rollouts AS
SELECT d.problem_id, d.completion_id, r.sample_index, {step} AS step, d.outcome, d.verifier, d.verifier_version, d.kept,
       d.reason
FROM {version}.decisions d JOIN {version}.rollouts r ON r.id = d.completion_id
"""
# A completion that follows nothing is in no table of threads, and is always an answer.
_THREADS_OF_VERSION = """
CREATE TEMP VIEW threads AS
SELECT problem_id, completion_id, step, role, after FROM ({follow})
UNION ALL SELECT d.problem_id, d.completion_id, {step}, 'answer', '' FROM {version}.decisions d
ANTI JOIN ({follow}) USING (problem_id, completion_id)
"""
_OUTCOMES = "CREATE TEMP VIEW outcomes AS SELECT problem_id, completion_id, outcome, kept, reason FROM {rows}"


def _views_of_run(
    connection: "duckdb.DuckDBPyConnection", reader: Reader, run: "Run", *, decided: bool, wanted: Collection[View]
) -> None:
    """The views of a run: its decisions once it has decided, until then its plan with the outcomes so far."""
    connection.execute(f"CREATE VIEW planned AS {reader.rows('plan', run.id)}")
    if decided:
        connection.execute(f"CREATE VIEW decided AS {_latest(reader, run)}")
    if "completions" in wanted:
        connection.execute(f"CREATE VIEW completions AS {reader.rows('completions')}")
    if "verdicts" in wanted:
        connection.execute(f"CREATE VIEW verdicts AS {reader.rows('verdicts')}")
    if "problems" in wanted:
        mine = "SELECT problem_id FROM planned"
        connection.execute(f"CREATE VIEW problems AS SELECT * FROM ({reader.rows('problems')}) WHERE id IN ({mine})")
    if "threads" in wanted:
        whens = "".join(f" WHEN {quoted(name)} THEN {quoted(role)}" for name, role in step_roles(run.recipe).items())
        connection.execute(_THREADS_OF_RUN.format(role=f"CASE step{whens} ELSE 'answer' END" if whens else "'answer'"))
    unjudged = _named(unjudged_steps(run.recipe))
    answers = f"coalesce(p.step, '') NOT IN ({unjudged})" if unjudged else "true"
    accepted = "" if decided else _last_of_each(reader.rows("outcomes", run.id))
    connection.execute(_DECIDED if decided else _JUDGED.format(accepted=accepted, answers=answers))
    connection.execute(_OUTCOMES.format(rows="decided" if decided else "rollouts"))


def views_of_version(connection: "duckdb.DuckDBPyConnection") -> None:
    """The views of a dataset version, in a connection to its rows: its problems and verdicts unchanged, and its completions
    under the name of rollouts. Temporary views hide the version's own and write nothing to it.
    """
    from rollmill.storage.versions.content.catalogue import has_table
    from rollmill.storage.versions.content.prompts import json_problems

    # Tables are named in full: a temporary view `rollouts` that selects from `rollouts` would read itself.
    catalog = connection.execute("SELECT current_catalog()").fetchall()[0][0]
    version = f'"{catalog}".main'
    connection.execute(f"CREATE TEMP VIEW completions AS SELECT * FROM {version}.rollouts")
    json_problems(connection)
    stored = {row[0] for row in connection.execute(f"DESCRIBE {version}.decisions").fetchall()}
    step = step_column(stored, "d.")
    connection.execute(_OF_VERSION.format(version=version, step=step))
    follow = f"SELECT * FROM {version}.threads" if has_table(connection, "threads") else no_rows("threads")
    connection.execute(_THREADS_OF_VERSION.format(version=version, step=step, follow=follow))
    connection.execute(_OUTCOMES.format(rows=f"{version}.decisions"))


def _latest(reader: Reader, run: "Run") -> str:
    """SELECT of the current decisions: a run decided again has several sets, and the last one registered counts."""
    rows = reader.rows("decisions", run.id)
    # The ledger knows the counts, so a single set of decisions is recognised without a window over all rows.
    if reader.count("decisions", run.id) == planned_answers(reader, run):
        return rows
    return _last_of_each(rows)


def _last_of_each(rows: str) -> str:
    """For each rollout, the row registered last."""
    return (
        f"SELECT * EXCLUDE (position) FROM (SELECT *, row_number() OVER () AS position FROM ({rows})) "
        "QUALIFY row_number() OVER (PARTITION BY completion_id, problem_id ORDER BY position DESC) = 1"
    )
