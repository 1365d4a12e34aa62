"""Counts of a scope's rollouts: funnel, steps, pass rates by group.

Rows are counted here, by DuckDB and without reading a text; funnel and rates are computed in rollmill.metrics.
Draws beyond the fixed prefix depend on earlier outcomes and stay out of every rate.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rollmill import metrics
from rollmill.ground.errors import unknown_name
from rollmill.ground.pool import Group
from rollmill.ground.recipe_steps import step_names
from rollmill.metrics import Funnel, FunnelCounter, GroupRate
from rollmill.storage.queries.browse.explore_index import ExploreIndex
from rollmill.storage.queries.scope import Scope, View

if TYPE_CHECKING:
    import duckdb

_BY_PROBLEM = """
CREATE TEMP TABLE counted AS
SELECT problem_id, outcome, kept, reason, count(*) AS rows FROM outcomes GROUP BY ALL
"""
_PROBLEMS = """
SELECT count(DISTINCT problem_id), count(DISTINCT problem_id) FILTER (outcome = 'correct'),
       count(DISTINCT problem_id) FILTER (kept) FROM counted
"""


_UNJUDGED = "SELECT count(DISTINCT (completion_id, problem_id)) FROM threads WHERE role <> 'answer'"


def funnel(scope: Scope) -> Funnel:
    """The funnel of a scope, live while a run writes."""
    with scope.connection("outcomes", "threads") as connection:
        connection.execute(_BY_PROBLEM)  # one pass over the rows; the rest is small
        groups = connection.execute("SELECT outcome, kept, reason, sum(rows) FROM counted GROUP BY ALL").fetchall()
        problems, solved, kept_problems = connection.execute(_PROBLEMS).fetchall()[0]
        # Without named steps every completion is judged, so the threads need not be read.
        [[unjudged]] = connection.execute(_UNJUDGED).fetchall() if scope.step else [[0]]
    counter = FunnelCounter()
    for outcome, kept, reason, rows in groups:
        counter.add(outcome, reason, int(rows), kept=kept)
    return counter.funnel(
        problems=problems, solved=solved, kept_problems=kept_problems, decided=scope.decided, unjudged=unjudged
    )


_COUNTED = """
SELECT t.step, t.role, count(DISTINCT t.problem_id), count(*), count(*) FILTER (r.outcome = 'correct'),
       count(*) FILTER (r.kept), coalesce(sum(c.tokens_out), 0)::BIGINT
FROM threads t LEFT JOIN (SELECT completion_id, problem_id, outcome, kept FROM rollouts) r USING (completion_id, problem_id)
LEFT JOIN (SELECT id, tokens_out FROM completions) c ON c.id = t.completion_id
WHERE t.step <> '' GROUP BY t.step, t.role
"""


@dataclass(frozen=True, slots=True)
class StepCount:
    """Counts of a step: problems asked, completions planned, correct and kept ones, tokens drawn.

    `correct`, `kept`: None for unjudged steps; 0 kept while undecided.
    """

    step: str
    problems: int
    completions: int
    correct: int | None
    kept: int | None
    tokens: int


def step_counts(scope: Scope) -> list[StepCount]:
    """Counts by step in the recipe's order, without steps that received no problem; empty for a recipe without steps."""
    if not scope.step:
        return []
    with scope.connection("rollouts", "threads", "completions") as connection:
        counts = {row[0]: _step_count(*row) for row in connection.execute(_COUNTED).fetchall()}
    order = step_names(scope.run.recipe) if scope.run is not None else []
    return [counts[name] for name in [*order, *sorted(counts.keys() - set(order))] if name in counts]


def _step_count(step: str, role: str, *counts: int) -> StepCount:
    problems, completions, correct, kept, tokens = counts
    judged = role == "answer"
    return StepCount(step, problems, completions, correct if judged else None, kept if judged else None, tokens)


By = Literal["level", "skill", "template", "source", "model"]
_NUMBERS = ("correct", "judged", "undecided", "rollouts", "kept")
GROUPS: tuple[By, ...] = ("level", "skill", "template", "source", "model")

_COUNTS = """
SELECT p.id AS problem, {groups}, sum(n)::BIGINT AS rollouts,
       (sum(n) FILTER (kept))::BIGINT AS kept, (sum(n) FILTER (measured AND outcome = 'correct'))::BIGINT AS correct,
       (sum(n) FILTER (measured AND outcome IN ('correct', 'incorrect', 'unparsed')))::BIGINT AS judged,
       (sum(n) FILTER (measured AND outcome = 'undecided'))::BIGINT AS undecided
FROM ({cells}) c JOIN (SELECT id, level, skill, template, source FROM problems) p ON p.id = c.id
GROUP BY ALL ORDER BY {order}p.id
"""
_GROUPED = "p.level, p.skill, p.template, p.source"
_BY_MODEL = "model::VARCHAR AS model, p.template"  # a problem is in the group of every model that answered it
_CELLS = "SELECT problem_id AS id, outcome, kept, {measured} AS measured, count(*) AS n FROM rollouts GROUP BY ALL"
_CELLS_BY_MODEL = """
SELECT r.problem_id AS id, c.model, outcome, kept, {measured} AS measured, count(*) AS n
FROM rollouts r JOIN (SELECT id, model FROM completions) c ON c.id = r.completion_id GROUP BY ALL
"""
_INDEXED = "SELECT id, model, outcome, cells.kept = 'yes' AS kept, measured, n FROM cells JOIN problems USING (problem)"


def pass_rates(scope: Scope, by: str = "level") -> list[GroupRate]:
    """Pass rate of each group, sorted; problems without a value come last as None. SetupError for an unknown grouping."""
    if by not in GROUPS:
        raise unknown_name("grouping", by, GROUPS)
    return metrics.pass_rates(counts_by(scope, by), by)


def models_of(scope: Scope) -> list[str]:
    """The models pooled in the scope's rates; empty with a fixed prefix, which one engine draws."""
    if scope.prefix is not None:
        return []
    query = "SELECT DISTINCT model FROM completions WHERE id IN (SELECT completion_id FROM outcomes) ORDER BY model"
    with scope.connection("rollouts", "outcomes", "completions") as connection:
        return [str(model) for (model,) in connection.execute(query).fetchall()]


def counts_by(scope: Scope, by: str) -> metrics.Counts:
    """The counts of each problem, with its groups; by model a problem is counted once for each model that answered it."""
    views: tuple[View, ...] = ("rollouts", "problems", "completions") if by == "model" else ("rollouts", "problems")
    cells = (_CELLS_BY_MODEL if by == "model" else _CELLS).format(measured=scope.measured())
    with scope.connection(*views) as connection:
        return _counts(connection, cells, by)


def indexed_counts(index: ExploreIndex, by: str) -> metrics.Counts:
    """The pass rates from an index."""
    with index.cursor() as cursor:
        return _counts(cursor, _INDEXED, by)


def _counts(connection: "duckdb.DuckDBPyConnection", cells: str, by: str) -> metrics.Counts:
    import pyarrow.compute as pc

    groups, order = (_BY_MODEL, "model, ") if by == "model" else (_GROUPED, "")
    table = connection.sql(_COUNTS.format(cells=cells, groups=groups, order=order)).to_arrow_table()
    # SQL gives null for a sum over no rows.
    numbers = (np.asarray(pc.fill_null(table[name], 0), dtype=np.int64) for name in _NUMBERS)
    names = [name for name in table.column_names if name not in _NUMBERS]
    values: dict[str, list[Group]] = {name: table[name].to_pylist() for name in names}
    return metrics.Counts(values["template"], values, *numbers)
