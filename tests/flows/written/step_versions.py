"""A version of a recipe with steps as its tests read it: every row with its step and what it follows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb


@dataclass(frozen=True)
class Row:
    """A rollout or a step's text of a version, with the rows that it follows."""

    id: str
    step: str
    text: str
    outcome: str
    reference: str
    prompt: str
    problem: str
    meta: Mapping[str, Any]
    after: tuple[str, ...]
    tokens: int
    reason: str


@dataclass
class Made:
    """A version and what is in it."""

    manifest: dict[str, Any]
    rows: dict[str, Row]
    scores: Mapping[str, float] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def of(self, step: str) -> list[Row]:
        rows = [row for row in self.rows.values() if row.step == step]
        assert rows, f"step {step} has no rows"
        return rows

    def before(self, row: Row, step: str) -> Row:
        """The row of an earlier step on the same thread."""
        lineage = [row]
        while lineage[0].step != step:
            lineage = [*lineage[1:], *(self.rows[key] for key in lineage[0].after)]
        return lineage[0]

    def step_part(self, step: str) -> dict[str, Any]:
        """The manifest's part about a step."""
        entry: dict[str, Any]
        [entry] = [row for row in self.manifest["steps"] if row["name"] == step]
        return entry


_ROWS = """
select r.id, coalesce(d.step, t.step), r.text, coalesce(d.outcome, ''), p.reference, p.prompt, p.id, r.meta,
       coalesce(t.after, ''), coalesce(r.tokens_out, 0), coalesce(d.reason, '')
from (select completion_id, problem_id from threads union select completion_id, problem_id from decisions) a
join rollouts r on r.id = a.completion_id join problems p on p.id = a.problem_id
left join threads t on t.completion_id = r.id and t.problem_id = p.id
left join decisions d on d.completion_id = r.id and d.problem_id = p.id
"""


def read(path: Path) -> Made:
    connection = duckdb.connect(str(path / "dataset.duckdb"), read_only=True)
    names = {row[0] for row in connection.execute("select table_name from information_schema.tables").fetchall()}
    if "threads" not in names:  # no step follows another
        connection.execute("create temp table threads (completion_id text, problem_id text, step text, after text)")
    fetched = connection.execute(_ROWS).fetchall()
    scores = dict(connection.execute("select completion_id, value from scores").fetchall())
    connection.close()
    cells = ((*row[:7], json.loads(row[7] or "{}"), tuple(row[8].split()), *row[9:]) for row in fetched)
    rows = [Row(*cell) for cell in cells]
    return Made(json.loads((path / "manifest.json").read_text()), {row.id: row for row in rows}, scores)


def depth_of(made: Made, row: Row, step: str = "refine") -> int:
    """How often a row was refined, or went through another step."""
    depth = 0
    while row.after:
        depth += row.step == step
        row = made.rows[row.after[0]]
    return depth


def mean_tokens(rows: Sequence[Row]) -> float:
    return sum(row.tokens for row in rows) / len(rows)
