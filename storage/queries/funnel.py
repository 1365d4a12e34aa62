"""The counts of a run or version: from problems to kept rollouts, dropped ones by reason, and by arm. Reads no text."""

from dataclasses import dataclass

from pipelines.metrics import Funnel, FunnelCounter
from storage.queries.scope import Scope

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
        found = {row[0]: ArmCount(row[0], *map(int, row[1:])) for row in connection.execute(_COUNTED).fetchall()}
    order = [str(arm["name"]) for arm in scope.run.recipe.get("arms", ())] if scope.run is not None else []
    return [found[name] for name in [*order, *sorted(found.keys() - set(order))] if name in found]
