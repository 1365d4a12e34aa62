"""From problems to kept rollouts: the counts of a run or version, dropped ones by reason. Reads ids and outcomes only."""

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
