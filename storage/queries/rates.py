"""Pass rates by level, skill, template or model over the prefix, with intervals. Counts here, estimates in pipelines.stats.

Each problem weighs the same: the rate of a group is the mean over its problems. The interval is for the population that the
problems come from, with templates as clusters; what was drawn beyond the prefix depends on earlier outcomes and stays out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.stats import Estimate, population_mean, undecided_bounds
from storage.errors import unknown_name
from storage.queries.scope import Scope
from storage.queries.views import View

By = Literal["level", "skill", "template", "source", "model"]
_VIEWS: tuple[View, ...] = ("rollouts", "outcomes", "problems", "completions")
GROUPS: tuple[By, ...] = ("level", "skill", "template", "source", "model")

_COUNTS = """
SELECT p.id, p.{by} AS grp, p.template, m.correct, m.judged, m.undecided, r.rollouts, r.kept
FROM (SELECT id, level, skill, template, source FROM problems) p
JOIN (SELECT problem_id, count(*) AS rollouts, count(*) FILTER (kept) AS kept FROM outcomes GROUP BY 1) r
  ON r.problem_id = p.id
LEFT JOIN (
    SELECT problem_id, count(*) FILTER (outcome = 'correct') AS correct,
           count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed')) AS judged,
           count(*) FILTER (outcome = 'undecided') AS undecided
    FROM rollouts WHERE {measured} GROUP BY 1
) m ON m.problem_id = p.id
ORDER BY grp NULLS LAST, p.id
"""
# A problem is in the group of every model that answered it, with that model's rollouts only.
_BY_MODEL = """
SELECT p.id, m.model AS grp, p.template, m.correct, m.judged, m.undecided, m.rollouts, m.kept
FROM (SELECT id, template FROM problems) p
JOIN (
    SELECT r.problem_id, c.model, count(*) AS rollouts, count(*) FILTER (r.kept) AS kept,
           count(*) FILTER (outcome = 'correct' AND {measured}) AS correct,
           count(*) FILTER (outcome IN ('correct', 'incorrect', 'unparsed') AND {measured}) AS judged,
           count(*) FILTER (outcome = 'undecided' AND {measured}) AS undecided
    FROM rollouts r JOIN (SELECT id, model FROM completions) c ON c.id = r.completion_id GROUP BY ALL
) m ON m.problem_id = p.id
ORDER BY grp, p.id
"""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """The pass rate of one group of problems. `estimate` is None where nothing is judged; `bounds` are the rates if every
    undecided rollout were wrong, or right. `rollouts` and `kept` count everything, not only the prefix.
    """

    group: int | str | None
    problems: int
    judged: int
    correct: int
    undecided: int
    rollouts: int
    kept: int
    estimate: Estimate | None
    bounds: tuple[float, float] | None


@dataclass(slots=True)
class _Problem:
    group: int | str | None
    template: str | None
    correct: int
    judged: int
    undecided: int
    rollouts: int
    kept: int


def pass_rates(scope: Scope, by: str = "level") -> list[GroupRate]:
    """One entry per group, sorted; problems without a value come last as None. SetupError for an unknown grouping."""
    if by not in GROUPS:
        raise unknown_name("grouping", by, GROUPS)
    groups: dict[int | str | None, list[_Problem]] = {}
    for problem in _problems(scope, by):
        groups.setdefault(problem.group, []).append(problem)
    return [_rate(group, members) for group, members in groups.items()]


def models_of(scope: Scope) -> list[str]:
    """The models whose rollouts the scope's rates pool; empty where a prefix is fixed, which one engine draws."""
    if scope.prefix is not None:
        return []
    query = "SELECT DISTINCT model FROM completions WHERE id IN (SELECT completion_id FROM outcomes) ORDER BY model"
    with scope.connection("rollouts", "outcomes", "completions") as connection:
        return [str(model) for (model,) in connection.execute(query).fetchall()]


def overall_rate(scope: Scope) -> GroupRate:
    """The pass rate over all problems, as one group."""
    return _rate(None, _problems(scope, "level"))


def _problems(scope: Scope, by: str) -> list[_Problem]:
    query, views = (_BY_MODEL, _VIEWS) if by == "model" else (_COUNTS, _VIEWS[:3])
    with scope.connection(*views) as connection:
        rows = connection.execute(query.format(by=by, measured=scope.measured())).fetchall()
    return [
        _Problem(group, template, correct or 0, judged or 0, undecided or 0, rollouts, kept)
        for _, group, template, correct, judged, undecided, rollouts, kept in rows
    ]


def _rate(group: int | str | None, members: Sequence[_Problem]) -> GroupRate:
    judged = [problem for problem in members if problem.judged]
    values = [problem.correct / problem.judged for problem in judged]
    correct, total, undecided = (sum(getattr(one, name) for one in members) for name in ("correct", "judged", "undecided"))
    return GroupRate(
        group=group,
        problems=len(members),
        judged=total,
        correct=correct,
        undecided=undecided,
        rollouts=sum(problem.rollouts for problem in members),
        kept=sum(problem.kept for problem in members),
        estimate=population_mean(values, [problem.template for problem in judged]),
        bounds=undecided_bounds(correct, total, undecided),
    )
