"""What became of the rollouts of a scope in numbers: funnel, arms, pass rates by group, shares before and after selection.

Rows are counted here, by DuckDB and without reading a text; funnel and rates are computed in pipelines.metrics. What was
drawn beyond the fixed prefix depends on earlier outcomes and stays out of every rate.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

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
    """The counts of each problem, with the groups of one grouping; by model a problem once for each that answered it."""
    query, views = (_BY_MODEL, _VIEWS) if by == "model" else (_COUNTS, _VIEWS[:3])
    with scope.connection(*views) as connection:
        rows = connection.execute(query.format(by=by, measured=scope.measured())).fetchall()
    groups: dict[str, list[Group]] = {"problem": [row[0] for row in rows], by: [row[1] for row in rows]}
    return metrics.tallied((row[3:] for row in rows), [row[2] for row in rows], **groups)


BANDS = 10


@dataclass(frozen=True, slots=True)
class Share:
    """One group's part of all rollouts and of the kept ones; shares of nothing are None."""

    group: int | str | None
    problems: int
    rollouts: int
    kept: int
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Band:
    """Problems whose pass rate over the prefix lies in [low, high), the last band closed; their rollouts and kept ones.

    `label`: the ends, or `3 of 8` where every problem has as many judged rollouts and a band is one count.
    """

    low: float
    high: float
    label: str
    problems: int
    rollouts: int
    kept: int


def selection_shares(scope: Scope, by: str = "level") -> list[Share]:
    """Each group's share before and after selection."""
    rates = pass_rates(scope, by)
    rollouts, kept = sum(rate.rollouts for rate in rates), sum(rate.kept for rate in rates)
    return [
        Share(
            group=rate.group,
            problems=rate.problems,
            rollouts=rate.rollouts,
            kept=rate.kept,
            before=rate.rollouts / rollouts if rollouts else None,
            after=rate.kept / kept if kept else None,
        )
        for rate in rates
    ]


def pass_rate_bands(scope: Scope) -> list[Band]:
    """Bands of pass rate, from never solved to always solved; problems without a judged rollout are in none.

    Ten of them, or one more than most problems have judged rollouts: with 8 of them no problem can lie in [.4, .5).
    """
    counts = counts_by(scope, "level").judged_only()
    usual = int(np.bincount(counts.judged).argmax()) if len(counts) else BANDS
    bands = min(BANDS, usual + 1)
    band = np.minimum(bands - 1, counts.correct * bands // counts.judged)
    sizes = [np.bincount(band, weights, bands).astype(int).tolist() for weights in (None, counts.rollouts, counts.kept)]
    exact = bands == usual + 1 and bool((counts.judged == usual).all())
    labels = [f"{at} of {usual}" if exact else f"{at / bands:.2f}-{(at + 1) / bands:.2f}" for at in range(bands)]
    return [Band(at / bands, (at + 1) / bands, labels[at], *(size[at] for size in sizes)) for at in range(bands)]
