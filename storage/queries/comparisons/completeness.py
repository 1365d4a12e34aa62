"""The completeness score of an evaluation: known fields of its problems, and known conditions under which they were asked.

A field of a problem is known for a share of the problems, a condition of a completion for a share of the completions, and
one of a run or not at all. The score is the mean of these shares, so that each field counts alike. It is a count of what is
stored, without sampling error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from rollmill.ground.ids import digits
from rollmill.ground.recipe_steps import takes_imports
from rollmill.ground.records import Problem
from rollmill.storage.queries import Reader, Scope, version_manifest
from rollmill.storage.queries.browse.problems import prompt_text, whole_problems
from rollmill.storage.queries.comparisons.sides import scopes_of, shown_model
from rollmill.storage.queries.pools import ScopePool, scope_pool
from rollmill.storage.segments.schema import text_array

Row = dict[str, Any]
SOLUTIONS = ("solution", "proof", "rationale", "worked_solution")  # keys of a problem's meta that hold a worked solution
FIELDS: Mapping[str, Callable[[Problem], object]] = {
    "prompt": lambda problem: prompt_text(problem.prompt).strip(),
    "reference or tests": lambda problem: problem.reference.strip() or problem.tests,
    "worked solution": lambda problem: any(problem.meta.get(key) for key in SOLUTIONS),
    "source": lambda problem: problem.source,
    "licence": lambda problem: problem.licence,
    "level": lambda problem: problem.level is not None,
    "skill": lambda problem: problem.skill,
    "template": lambda problem: problem.template,
}
"""Fields of a problem, each with a function that is true where it is known."""
CONDITIONS: Mapping[str, str] = {
    "model": "model <> ''",
    # An import has its model's label in the column of the digest.
    "model digest": "model_digest <> '' AND engine <> 'imported'",
    "seed": "seed IS NOT NULL",
    "end of the text": "finish_reason <> 'imported'",
    "tokens in": "tokens_in IS NOT NULL",
    "tokens out": "tokens_out IS NOT NULL",
}
"""Conditions of a completion, each with the SQL condition under which it is known."""


def completeness(reader: Reader, name: str) -> list[Row]:
    """The score of each run of an evaluation, or of one run or version, with every field and what is known of it."""
    return [_of_scope(scope) for scope in scopes_of(reader, name)]


def _of_scope(scope: Scope) -> Row:
    source = scope_pool(scope, answers=False)
    # With their texts, since the pool has none and a field may hold white space alone.
    problems = list(whole_problems(scope, source.pool.problems).values())
    rows = [*_of_problems(problems), *_of_completions(source), *_of_run(scope)]
    cell = {} if scope.run is None else scope.run.recipe.get("cell", {})
    return {
        "reference": scope.name,
        "benchmark": cell.get("benchmark", scope.name.partition("@")[0]),
        "model": shown_model(scope, source.pool.models),
        "score": digits(sum(row["share"] for row in rows) / len(rows)),
        "fields": rows,
    }


def _of_problems(problems: Sequence[Problem]) -> Iterator[Row]:
    for name, known in FIELDS.items():
        yield _row("problem", name, sum(bool(known(problem)) for problem in problems), len(problems))


def _of_completions(source: ScopePool) -> Iterator[Row]:
    ids = sorted(set(source.completions))
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in CONDITIONS.values())
    with source.scope.connection("completions") as connection:
        connection.register("wanted", pa.table({"id": text_array(ids)}))
        query = f"SELECT {counts} FROM (SELECT DISTINCT ON (id) * FROM completions SEMI JOIN wanted USING (id))"  # noqa: S608
        known = connection.execute(query).fetchone() or (0,) * len(CONDITIONS)
    for name, count in zip(CONDITIONS, known, strict=True):
        yield _row("completion", name, int(count), len(ids))


def _of_run(scope: Scope) -> Iterator[Row]:
    if scope.run is not None:
        recipe, verifiers = scope.run.recipe, [version for _, version in scope.run.verifiers]
    else:
        manifest = version_manifest(scope.reader, scope.name)
        recipe, verifiers = manifest["recipe"], [part["version"] for part in manifest["verifiers"] or ()]
    # Of an import nobody knows how its completions were asked.
    drawn = "generate" in recipe and not takes_imports(recipe)
    known = {
        "sampling": drawn,
        "prompt as sent": drawn,
        "verifiers with versions": bool(verifiers) and all(verifiers),
        # A prefix of None is known as well: of an import all completions count.
        "number of completions fixed beforehand": scope.prefix != 0,
    }
    for name, value in known.items():
        yield _row("run", name, int(value), 1)


def _row(of: str, name: str, known: int, count: int) -> Row:
    return {"of": of, "field": name, "known": known, "n": count, "share": digits(known / count) if count else 0.0}
