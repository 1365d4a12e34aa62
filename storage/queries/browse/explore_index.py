"""The problems and rollouts of one scope in memory, small and counted, so that a page of a million rollouts loads
immediately.

Built once for each content of a scope (seconds for a million rollouts, about 100 bytes each) and then only read, from any
thread. Three tables: `problems`; `cells`, counts of a problem's rollouts that are equal in every facet; `rollouts`,
each with its cell. It holds no text of a completion, and only the beginning of prompts and references.
"""

# ruff: noqa: S608 (the SQL is made of our own names)

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from rollmill.stats import BetaPrior, fit_prior
from rollmill.storage.queries.scope import Scope

if TYPE_CHECKING:
    import duckdb

BEGINNING = 200  # characters of a prompt, reference or answer for lists and sorting
OF_ROLLOUT = ("model", "outcome", "rule", "reason", "kept")
OF_PROBLEM = ("source", "level", "skill", "template")
_NAMED = tuple(name for name in (*OF_ROLLOUT, *OF_PROBLEM) if name != "level")
Within = Literal["problems", "completions"]

# Problems are numbered in the order of their ids, so that the number breaks ties of an order as the id would.
# A prompt is stored as JSON: a text, or a list of messages.
_NUMBERED = f"""
CREATE TEMP TABLE numbered AS
SELECT row_number() OVER (ORDER BY id)::INTEGER AS problem, id, external_id,
       (CASE WHEN starts_with(prompt, '"') THEN prompt ->> '$'
             ELSE array_to_string(json_extract_string(prompt, '$[*].content'), ' ') END)[:{BEGINNING}] AS prompt,
       reference[:{BEGINNING}] AS reference, nullif(source, '') AS source, level, skill, template
FROM problems WHERE id IN (SELECT problem_id FROM rollouts)
"""
# A planned completion that is not drawn yet is listed too, so completions are joined from the left.
_PLACED = """
CREATE TEMP TABLE placed AS
SELECT row_number() OVER ()::INTEGER AS rollout, p.problem, r.problem_id, r.completion_id, r.step, r.sample_index,
       {measured} AS measured, c.model, c.tokens_out AS tokens, r.outcome, r.reason,
       CASE WHEN kept THEN 'yes' WHEN NOT kept THEN 'no' END AS kept, r.verifier, r.verifier_version
FROM rollouts r JOIN numbered p ON p.id = r.problem_id
LEFT JOIN (SELECT id, model, tokens_out FROM completions) c ON c.id = r.completion_id
"""
# Ids are compared here for the last time: later steps use integers.
_JUDGED = f"""
CREATE TEMP TABLE judged AS
SELECT p.rollout, v.verifier, v.version, v.rule, v.outcome, v.seconds,
       v.verifier = p.verifier AND v.version = p.verifier_version AS decided,
       CASE WHEN decided THEN coalesce(v.normal_form, v.extracted)[:{BEGINNING}] END AS answer
FROM (SELECT completion_id, problem_id, verifier, version, rule, outcome, seconds, normal_form, extracted FROM verdicts) v
JOIN placed p USING (completion_id, problem_id)
"""
_KINDS = """
CREATE TEMP TABLE kinds AS
SELECT row_number() OVER (ORDER BY verifier, version, rule, outcome)::INTEGER AS kind, *
FROM (SELECT DISTINCT verifier, version, coalesce(rule, '') AS rule, outcome FROM judged)
"""
_SAID = """
CREATE TEMP TABLE said AS
SELECT j.rollout, k.kind, j.seconds FROM judged j
JOIN kinds k
  ON k.verifier = j.verifier AND k.version = j.version AND k.rule = coalesce(j.rule, '') AND k.outcome = j.outcome
"""
_CELL = ", ".join(("problem", *OF_ROLLOUT, "measured"))
_COUNTED = f"""
CREATE TEMP TABLE counted AS
SELECT row_number() OVER ()::INTEGER AS cell, {_CELL}, count(*)::INT AS n,
       (count(*) FILTER (outcome = 'correct'))::INT AS correct,
       (count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed')))::INT AS judged, list(rollout) AS rollouts
FROM placed LEFT JOIN (SELECT rollout, rule FROM judged WHERE decided) USING (rollout) GROUP BY {_CELL}
"""
_CELLS = f"""
CREATE TEMP TABLE cells AS
SELECT c.* EXCLUDE (rollouts), {", ".join(OF_PROBLEM)} FROM counted c JOIN numbered USING (problem)
"""
# Cells carry their rollouts: a join back by facets would lose the rollouts that have none of a facet (null).
_LISTED = """
CREATE TEMP TABLE listed AS
SELECT c.cell, p.rollout, p.problem, p.completion_id, p.step, p.sample_index, p.tokens, j.answer,
       p.verifier, p.verifier_version
FROM placed p JOIN (SELECT cell, unnest(rollouts) AS rollout FROM counted) c USING (rollout)
LEFT JOIN (SELECT rollout, answer FROM judged WHERE decided) j USING (rollout)
"""
_TABLES = {"numbered": "problems", "cells": "counted", "listed": "listed", "kinds": "kinds", "said": "verdicts"}
# Prompts are stored as JSON text, so the needle is escaped the same way.
_TEXTS = {
    "problems": "SELECT id FROM problems WHERE contains(lower(prompt), lower($text)) OR starts_with(id, lower($raw)) "
    "OR contains(lower(external_id), lower($raw))",
    "completions": "SELECT id FROM completions WHERE contains(lower(text), lower($raw)) OR starts_with(id, lower($raw))",
}


@dataclass(frozen=True, slots=True)
class ExploreIndex:
    """The tables of one scope. `connection` is in memory; each query takes a cursor of its own."""

    scope: Scope
    connection: "duckdb.DuckDBPyConnection"
    _priors: dict[tuple[str, ...], tuple[BetaPrior, int]] = field(default_factory=dict)

    @contextmanager
    def cursor(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection for one query, with temporary tables of its own."""
        cursor = self.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def prior(self, models: Sequence[str] = ()) -> tuple[BetaPrior, int]:
        """Prior of the shrunken rates of these models (or all), and the number of problems that it is fitted to."""
        # Two threads may fit the same prior at once with the same result, so no lock is needed.
        if tuple(models) not in self._priors:
            wanted = "true" if not models else "list_contains($models, model::VARCHAR)"
            query = f"SELECT sum(correct)::INT, sum(judged)::INT FROM cells WHERE measured AND {wanted} GROUP BY problem"
            with self.cursor() as cursor:
                counts = cursor.execute(query, {"models": list(models)} if models else None).fetchall()
            counts = [(correct, judged) for correct, judged in counts if judged]
            prior = fit_prior([correct for correct, _ in counts], [judged for _, judged in counts])
            self._priors[tuple(models)] = prior, len(counts)
        return self._priors[tuple(models)]

    def close(self) -> None:
        """Release the memory."""
        self.connection.close()


def explore_index(scope: Scope) -> ExploreIndex:
    """Read the scope once; the caller closes the index, or keeps it."""
    measured = "false" if scope.prefix == 0 else scope.measured()
    memory = scope.reader.connection()
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        for query in (_NUMBERED, _PLACED.format(measured=measured), _JUDGED, _KINDS, _SAID, _COUNTED, _CELLS, _LISTED):
            connection.execute(query)
        # Copied out: the scope's own connection is closed, and its temporary tables go with it.
        for made, table in _TABLES.items():
            memory.register("made", connection.table(made).to_arrow_table())
            memory.execute(f"CREATE TABLE {table} AS SELECT * FROM made")
            memory.unregister("made")
    for read, table, names in (
        ("counted", "cells", _NAMED),
        ("listed", "rollouts", ("step", "verifier", "verifier_version")),
    ):
        coded = ", ".join(_coded(memory, read, names))
        columns = f"* REPLACE ({coded})" if coded else "*"
        memory.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM {read}")
        memory.execute(f"DROP TABLE {read}")
    return ExploreIndex(scope, memory)


def _coded(memory: "duckdb.DuckDBPyConnection", table: str, columns: Sequence[str]) -> Iterator[str]:
    """Repeated texts as numbers with the same order: grouping by them takes a third of the time."""
    for name in columns:
        values = f"SELECT DISTINCT {name} FROM {table} WHERE {name} IS NOT NULL"
        if memory.execute(f"{values} LIMIT 1").fetchall():
            memory.execute(f"CREATE TYPE {name}_values AS ENUM ({values} ORDER BY 1)")
            yield f"{name}::{name}_values AS {name}"


def ids_with_text(scope: Scope, text: str, within: Within = "problems") -> Collection[str]:
    """The ids of the problems, or completions, that hold a text, whatever its case, or whose id begins with it.

    Reads every prompt, or every completion, of the scope.
    """
    import json

    values: dict[str, Any] = {"raw": text.strip()}
    if within == "problems":
        values["text"] = json.dumps(text.strip(), ensure_ascii=False)[1:-1]
    with scope.connection("rollouts", within) as connection:
        return frozenset(row[0] for row in connection.execute(_TEXTS[within], values).fetchall())
