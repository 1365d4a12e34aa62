"""From problems to kept rollouts: the counts of a run or version, dropped ones by reason. Reads ids and outcomes only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage.queries.acceptance import PENDING
from storage.queries.scope import Scope

_BY_PROBLEM = """
CREATE TEMP TABLE counted AS
SELECT problem_id, outcome, kept, reason, count(*) AS rows FROM outcomes GROUP BY ALL
"""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Counts. `pending`: planned and not judged yet; kept and dropped are None until the run has decided."""

    problems: int
    planned: int
    correct: int
    incorrect: int
    unparsed: int
    undecided: int
    pending: int
    kept: int | None
    dropped: int | None
    kept_problems: int | None
    dropped_by_reason: Mapping[str, int] = field(default_factory=dict)

    @property
    def judged(self) -> int:
        """Rollouts that a rate may be over."""
        return self.correct + self.incorrect + self.unparsed


def funnel(scope: Scope) -> Funnel:
    """The funnel of a scope, live while a run writes."""
    with scope.connection("outcomes") as connection:
        connection.execute(_BY_PROBLEM)  # one pass over the rows; the rest is small
        groups = connection.execute("SELECT outcome, kept, reason, sum(rows) FROM counted GROUP BY ALL").fetchall()
        problems, kept_problems = connection.execute(
            "SELECT count(DISTINCT problem_id), count(DISTINCT problem_id) FILTER (kept) FROM counted"
        ).fetchall()[0]
    outcomes: dict[str, int] = {}
    dropped: dict[str, int] = {}
    kept = 0
    for outcome, keep, reason, found in groups:
        count = int(found)
        outcomes[outcome] = outcomes.get(outcome, 0) + count
        if keep:
            kept += count
        elif keep is not None:
            dropped[reason] = dropped.get(reason, 0) + count
    return Funnel(
        problems=problems,
        planned=sum(outcomes.values()),
        correct=outcomes.get("correct", 0),
        incorrect=outcomes.get("incorrect", 0),
        unparsed=outcomes.get("unparsed", 0),
        undecided=outcomes.get("undecided", 0),
        pending=outcomes.get(PENDING, 0),
        kept=kept if scope.decided else None,
        dropped=sum(dropped.values()) if scope.decided else None,
        kept_problems=kept_problems if scope.decided else None,
        dropped_by_reason=dict(sorted(dropped.items(), key=lambda item: (-item[1], item[0]))),
    )
