"""The arms of a run or version: problems that went to each, what was drawn there and how it was judged. Reads no text."""

from dataclasses import dataclass

from storage.queries.scope import Scope

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
