"""The problems and rollouts of one scope in memory, small and counted, so that a page of a million answers at once.

Built once for each content of a scope (seconds at a million rollouts, about 100 bytes each) and then only read, from any
thread. Three tables: `problems`; `cells`, the rollouts of a problem that are equal in every facet, counted; `rollouts`,
each with its cell. No text of a completion is in it, and of prompts and references the beginning.
"""

# ruff: noqa: S608 (the SQL is made of our own names)

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from pipelines.stats import BetaPrior, fit_prior
from storage.queries.scope import Scope

if TYPE_CHECKING:
    import duckdb

BEGINNING = 200  # characters of a prompt, reference or answer that are listed and sorted by
OF_ROLLOUT = ("model", "outcome", "rule", "reason", "kept")
OF_PROBLEM = ("source", "level", "skill", "template")
Within = Literal["problems", "completions"]

# A prompt is stored as JSON: a text, or a list of messages.
_PROBLEMS = f"""
SELECT row_number() OVER (ORDER BY id)::INTEGER AS problem, id, external_id,
       (CASE WHEN starts_with(prompt, '"') THEN prompt ->> '$'
             ELSE array_to_string(json_extract_string(prompt, '$[*].content'), ' ') END)[:{BEGINNING}] AS prompt,
       reference[:{BEGINNING}] AS reference, nullif(source, '') AS source, level, skill, template
FROM problems WHERE id IN (SELECT problem_id FROM rollouts)
"""
_ROLLOUTS = f"""
SELECT p.problem, r.completion_id, r.arm, r.sample_index, {{measured}} AS measured, c.model, c.tokens_out AS tokens,
       r.outcome, v.rule, r.reason, CASE WHEN kept THEN 'yes' WHEN NOT kept THEN 'no' END AS kept,
       coalesce(v.normal_form, v.extracted)[:{BEGINNING}] AS answer
FROM rollouts r JOIN numbered p ON p.id = r.problem_id
LEFT JOIN (SELECT id, model, tokens_out FROM completions) c ON c.id = r.completion_id
LEFT JOIN (SELECT completion_id, problem_id, verifier, version, rule, normal_form, extracted FROM verdicts) v
  ON v.completion_id = r.completion_id AND v.problem_id = r.problem_id AND v.verifier = r.verifier
 AND v.version = r.verifier_version
"""
_CELL = ", ".join(("problem", *OF_ROLLOUT, "measured"))
_CELLS = f"""
CREATE TABLE cells AS
SELECT row_number() OVER ()::INTEGER AS cell, counted.*, {", ".join(OF_PROBLEM)}
FROM (SELECT {_CELL}, count(*)::INT AS n, (count(*) FILTER (outcome = 'correct'))::INT AS correct,
             (count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed')))::INT AS judged
      FROM built GROUP BY {_CELL}) counted
JOIN problems USING (problem)
"""
_SAME = " AND ".join(f"c.{name} IS NOT DISTINCT FROM b.{name}" for name in (*OF_ROLLOUT, "measured"))
_PLACED = f"""
CREATE TABLE rollouts AS
SELECT c.cell, b.completion_id, b.arm, b.sample_index, b.tokens, b.answer
FROM built b JOIN cells c ON c.problem = b.problem AND {_SAME}
"""
# Prompts are stored as JSON text, so the needle is escaped the same way.
_TEXTS = {
    "problems": "SELECT id FROM problems WHERE contains(lower(prompt), lower($text)) OR starts_with(id, lower($raw)) "
    "OR contains(lower(external_id), lower($raw))",
    "completions": "SELECT id FROM completions WHERE contains(lower(text), lower($raw)) OR starts_with(id, lower($raw))",
}


@dataclass(frozen=True, slots=True)
class ExploreIndex:
    """The tables of one scope. `connection` is in memory; each question takes a cursor of its own."""

    scope: Scope
    connection: "duckdb.DuckDBPyConnection"

    @contextmanager
    def cursor(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection for one question, with temporary tables of its own."""
        cursor = self.connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def prior(self, models: Sequence[str] = ()) -> tuple[BetaPrior, int]:
        """What the measured rates of these models (of all) are shrunken towards, and how many problems it is fitted to."""
        wanted = "true" if not models else "list_contains($models, model)"
        query = f"SELECT sum(correct)::INT, sum(judged)::INT FROM cells WHERE measured AND {wanted} GROUP BY problem"
        with self.cursor() as cursor:
            counts = cursor.execute(query, {"models": list(models)} if models else None).fetchall()
        counts = [(correct, judged) for correct, judged in counts if judged]
        return fit_prior([correct for correct, _ in counts], [judged for _, judged in counts]), len(counts)

    def close(self) -> None:
        """Release the memory."""
        self.connection.close()


def explore_index(scope: Scope) -> ExploreIndex:
    """Read the scope once; the caller closes the index, or keeps it."""
    measured = "false" if scope.prefix == 0 else scope.measured()
    with scope.connection("rollouts", "problems", "completions", "verdicts") as connection:
        connection.execute(f"CREATE TEMP TABLE numbered AS {_PROBLEMS}")
        problems: pa.Table = connection.sql("SELECT * FROM numbered").to_arrow_table()
        built: pa.Table = connection.sql(_ROLLOUTS.format(measured=measured)).to_arrow_table()
    memory = scope.reader.connection()
    memory.register("read", problems)
    memory.register("built", built)
    memory.execute("CREATE TABLE problems AS SELECT * FROM read")
    memory.execute(_CELLS)
    memory.execute(_PLACED)
    memory.unregister("read")
    memory.unregister("built")
    return ExploreIndex(scope, memory)


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
