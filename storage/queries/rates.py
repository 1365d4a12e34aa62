"""What became of the rollouts of a scope in numbers: funnel, arms, pass rates by group.

Rows are counted here, by DuckDB and without reading a text; funnel and rates are computed in pipelines.metrics. What was
drawn beyond the fixed prefix depends on earlier outcomes and stays out of every rate.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc

from pipelines import metrics
from pipelines.metrics import Funnel, FunnelCounter, GroupRate
from storage.errors import unknown_name
from storage.pool import Group
from storage.queries.scope import Scope, View

_BY_PROBLEM = """
CREATE TEMP TABLE counted AS
SELECT problem_id, outcome, kept, reason, count(*) AS rows FROM outcomes GROUP BY ALL
"""
_PROBLEMS = """
SELECT count(DISTINCT problem_id), count(DISTINCT problem_id) FILTER (outcome = 'correct'),
       count(DISTINCT problem_id) FILTER (kept) FROM counted
"""


def funnel(scope: Scope) -> Funnel:
    """The funnel of a scope, live while a run writes."""
    with scope.connection("outcomes") as connection:
        connection.execute(_BY_PROBLEM)  # one pass over the rows; the rest is small
        groups = connection.execute("SELECT outcome, kept, reason, sum(rows) FROM counted GROUP BY ALL").fetchall()
        problems, solved, kept_problems = connection.execute(_PROBLEMS).fetchall()[0]
    counter = FunnelCounter()
    for outcome, kept, reason, rows in groups:
        counter.add(outcome, reason, int(rows), kept=kept)
    return counter.funnel(problems=problems, solved=solved, kept_problems=kept_problems, decided=scope.decided)


_COUNTED = """
SELECT r.arm, count(DISTINCT r.problem_id), count(*), count(*) FILTER (r.outcome = 'correct'),
       count(*) FILTER (r.kept), coalesce(sum(c.tokens_out), 0)
FROM rollouts r LEFT JOIN (SELECT id, tokens_out FROM completions) c ON c.id = r.completion_id
WHERE r.arm <> '' GROUP BY r.arm
"""


@dataclass(frozen=True, slots=True)
class ArmCount:
    """One arm: problems routed to it, rollouts planned, correct and kept ones (kept 0 while undecided), tokens drawn."""

    arm: str
    problems: int
    rollouts: int
    correct: int
    kept: int
    tokens: int


def arm_counts(scope: Scope) -> list[ArmCount]:
    """In the recipe's order, an arm that nothing was routed to left out; none where the recipe has no arms."""
    if not scope.arm:
        return []
    with scope.connection("rollouts", "completions") as connection:
        counts = {row[0]: ArmCount(row[0], *map(int, row[1:])) for row in connection.execute(_COUNTED).fetchall()}
    order = [str(arm["name"]) for arm in scope.run.recipe.get("arms", ())] if scope.run is not None else []
    return [counts[name] for name in [*order, *sorted(counts.keys() - set(order))] if name in counts]


By = Literal["level", "skill", "template", "source", "model"]
_VIEWS: tuple[View, ...] = ("rollouts", "outcomes", "problems", "completions")
_NUMBERS = ("correct", "judged", "undecided", "rollouts", "kept")
GROUPS: tuple[By, ...] = ("level", "skill", "template", "source", "model")

_COUNTS = """
SELECT p.id AS problem, p.level, p.skill, p.template, p.source, m.correct, m.judged, m.undecided, r.rollouts, r.kept
FROM (SELECT id, level, skill, template, source FROM problems) p
JOIN (SELECT problem_id, count(*) AS rollouts, count(*) FILTER (kept) AS kept FROM outcomes GROUP BY 1) r
  ON r.problem_id = p.id
LEFT JOIN (
    SELECT problem_id, count(*) FILTER (outcome = 'correct') AS correct,
           count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed')) AS judged,
           count(*) FILTER (outcome = 'undecided') AS undecided
    FROM rollouts WHERE {measured} GROUP BY 1
) m ON m.problem_id = p.id
ORDER BY p.id
"""
# A problem is in the group of every model that answered it, with that model's rollouts only.
_BY_MODEL = """
SELECT p.id AS problem, m.model, p.template, m.correct, m.judged, m.undecided, m.rollouts, m.kept
FROM (SELECT id, template FROM problems) p
JOIN (
    SELECT r.problem_id, c.model, count(*) AS rollouts, count(*) FILTER (r.kept) AS kept,
           count(*) FILTER (outcome = 'correct' AND {measured}) AS correct,
           count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed') AND {measured}) AS judged,
           count(*) FILTER (outcome = 'undecided' AND {measured}) AS undecided
    FROM rollouts r JOIN (SELECT id, model FROM completions) c ON c.id = r.completion_id GROUP BY ALL
) m ON m.problem_id = p.id
ORDER BY m.model, p.id
"""


def pass_rates(scope: Scope, by: str = "level") -> list[GroupRate]:
    """One entry per group, sorted; problems without a value come last as None. SetupError for an unknown grouping."""
    if by not in GROUPS:
        raise unknown_name("grouping", by, GROUPS)
    return metrics.pass_rates(counts_by(scope, by), by)


def models_of(scope: Scope) -> list[str]:
    """The models whose rollouts the scope's rates pool; empty where a prefix is fixed, which one engine draws."""
    if scope.prefix is not None:
        return []
    query = "SELECT DISTINCT model FROM completions WHERE id IN (SELECT completion_id FROM outcomes) ORDER BY model"
    with scope.connection("rollouts", "outcomes", "completions") as connection:
        return [str(model) for (model,) in connection.execute(query).fetchall()]


def overall_rate(scope: Scope) -> GroupRate:
    """The pass rate over all problems, as one group."""
    return metrics.pass_rate(counts_by(scope, "level"))


def counts_by(scope: Scope, by: str) -> metrics.Counts:
    """The counts of each problem, with every grouping but the model; by model a problem once for each that answered it."""
    query, views = (_BY_MODEL, _VIEWS) if by == "model" else (_COUNTS, _VIEWS[:3])
    with scope.connection(*views) as connection:
        table = connection.sql(query.format(measured=scope.measured())).to_arrow_table()
    numbers = (np.asarray(pc.fill_null(table[name], 0), dtype=np.int64) for name in _NUMBERS)
    names = [name for name in table.column_names if name not in _NUMBERS]
    groups: dict[str, list[Group]] = {name: table[name].to_pylist() for name in names}
    return metrics.Counts(groups["template"], groups, *numbers)
