"""Synthesizers of a workspace: built with their source of problems, a version or a run that their option `from` names.

What they read is fixed by its content hash: that of a version, or of a finished run's problems and outcomes. It is part of
the key that their problems are stored under and of the run's identity.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from rollmill.flows.problem_sets import by_id, version_problems
from rollmill.flows.recipe.methods import FROM, MethodSpec
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import ListDigest
from rollmill.ground.records import OUTCOMES, Problem
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from rollmill.roles.engine_roles import Samplers

if TYPE_CHECKING:
    from rollmill.storage.queries import Scope
    from rollmill.storage.workspace import Workspace

_ROLLOUTS = """
SELECT t.problem_id, t.completion_id, t.step, c.text, CASE WHEN r.outcome IN ({outcomes}) THEN r.outcome END AS outcome,
       v.extracted AS answer, coalesce(r.kept, false) AS kept, coalesce({measured}, false) AS measured
FROM ({texts}) t JOIN (SELECT id, text, sample_index FROM completions) c ON c.id = t.completion_id
LEFT JOIN rollouts r ON r.completion_id = t.completion_id AND r.problem_id = t.problem_id
LEFT JOIN verdicts v ON v.completion_id = r.completion_id AND v.problem_id = r.problem_id AND v.verifier = r.verifier
     AND v.version = r.verifier_version
ORDER BY t.problem_id, t.step, c.sample_index, t.completion_id
"""
_TEXTS_OF_RUN = "SELECT DISTINCT problem_id, completion_id, coalesce(step, '') AS step FROM planned"
_TEXTS_OF_VERSION = "SELECT problem_id, completion_id, step FROM rollouts"
_THREADS = " UNION SELECT problem_id, completion_id, step FROM threads"  # of steps that are judged by nobody, too
_HAS_THREADS = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'threads'"
_CHUNK = 4_096  # rollouts that are fetched at a time


def built_synthesizer(workspace: "Workspace", method: MethodSpec, samplers: Samplers | None = None) -> Any:
    """A synthesizer with its source, if it takes one. `samplers`: whom it may ask."""
    given: dict[str, Any] = {} if samplers is None else {"samplers": samplers}
    if method.takes_source:
        given["source"] = source_of(workspace, str(method.options[FROM]))
    return method.build(**given)


def source_of(workspace: "Workspace", name: str) -> Source:
    """A dataset version (`NAME`, `NAME@v3`) or a finished run as a source; SetupError if there is none of that name."""
    scope = source_scope(workspace, name)
    if scope.version is not None:
        info = scope.version
        pinned, digest = f"{info.name}@{info.folder}", info.content_hash
        problems = version_problems(workspace, pinned)
    else:
        _refuse_unfinished(scope)
        pinned, digest, problems = scope.name, _digest_of_run(scope), problems_in(scope)
    return Source(pinned, digest, tuple(problems), partial(_rollouts, scope))


def source_scope(workspace: "Workspace", name: str) -> "Scope":
    """Scope that the option `from` names; SetupError if it is neither a version nor a run, or its rows are missing."""
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.queries import Reader, named_scope

    reader = Reader(workspace)
    scope = named_scope(reader, name)
    if scope is None:
        known = [*artifact_names(workspace.datasets), *(run.id for run in reader.runs.list())]
        raise unknown_name("dataset or run", name, known, next_command="rollmill dataset list, or rollmill runs list")
    return scope


def _refuse_unfinished(scope: "Scope") -> None:
    if not scope.decided and (scope.run is None or scope.run.status != "done"):
        raise SetupError(
            f"run {scope.name} has not decided on all of its rollouts: its result may still change.",
            next_command=f"rollmill runs resume {scope.name}",
        )


def problems_in(scope: "Scope") -> list[Problem]:
    """The problems of a version or run, in order of their ids."""
    with scope.connection("problems") as connection:
        from rollmill.storage.segments.schema import from_table

        return by_id(from_table("problems", connection.sql("SELECT * FROM problems").to_arrow_table()))


def _digest_of_run(scope: "Scope") -> str:
    """Digest of a run's rollouts with their outcomes and decisions."""
    digest = ListDigest("source")
    with scope.connection("rollouts") as connection:
        rows = connection.execute("SELECT problem_id, completion_id, outcome, kept FROM rollouts ORDER BY ALL")
        while chunk := rows.fetchmany(_CHUNK):
            for problem, completion, outcome, kept in chunk:
                digest.add([problem, completion, outcome, int(bool(kept))])
    return digest.end()


def _rollouts(scope: "Scope") -> Iterator[SourceRollout]:
    with scope.connection("rollouts", "completions", "verdicts") as connection:
        texts = _TEXTS_OF_RUN
        if scope.version is not None:
            texts = _TEXTS_OF_VERSION + (_THREADS if connection.execute(_HAS_THREADS).fetchall()[0][0] else "")
        outcomes = ", ".join(f"'{outcome}'" for outcome in OUTCOMES)
        measured = scope.measured().replace("sample_index", "r.sample_index").replace("step =", "r.step =")
        rows = connection.execute(_ROLLOUTS.format(measured=measured, texts=texts, outcomes=outcomes))
        while chunk := rows.fetchmany(_CHUNK):
            yield from (SourceRollout(*row) for row in chunk)
