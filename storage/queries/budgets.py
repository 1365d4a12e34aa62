"""Spending and results of a run's budget: by round, by level, and the reasons for stopping. Live while the run writes.

Tokens are those of the run's completions, whichever run drew them (rollmill.storage.queries.cost gives a run's own
spending). A problem is covered when it has k distinct correct solutions, counted as quotas and budgets count them.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rollmill.ground.records import CONTINUED
from rollmill.ground.solutions import argued, solution_key
from rollmill.stats import Estimate, population_mean
from rollmill.storage.queries.scope import Scope
from rollmill.storage.segments.schema import text_array

if TYPE_CHECKING:
    import duckdb

__all__ = ["CONTINUED", "BudgetRound", "BudgetSpend", "LevelSpend", "StopCount", "StopEvidence", "budget_spend"]
CHUNK = 20_000
COVERAGE = "share of covered problems in the population that these problems were drawn from"

# A correct text that was cut off at the token limit is no solution, as for quotas (rollmill.ground.solutions).
_DRAWN = """
CREATE TEMP TABLE drawn AS
SELECT p.round, p.problem_id, p.completion_id, coalesce(c.tokens_out, 0) AS tokens,
       r.outcome = 'correct' AND c.finish_reason <> 'length' AS solved
FROM planned p JOIN (SELECT problem_id, completion_id, outcome FROM outcomes) r USING (problem_id, completion_id)
JOIN (SELECT id, tokens_out, finish_reason FROM completions) c ON c.id = p.completion_id
"""
_ROUNDS = """
SELECT round, count(DISTINCT problem_id), count(*), CAST(sum(sum(tokens)) OVER (ORDER BY round) AS BIGINT)
FROM drawn GROUP BY round ORDER BY round
"""
_PROBLEMS = """
SELECT p.level, p.template, coalesce(d.draws, 0) AS draws, coalesce(d.tokens, 0) AS tokens, c.round AS covered
FROM (SELECT DISTINCT ON (id) id, level, template FROM problems) p
LEFT JOIN (SELECT problem_id, count(*) AS draws, CAST(sum(tokens) AS BIGINT) AS tokens FROM drawn GROUP BY 1) d
  ON d.problem_id = p.id
LEFT JOIN covered c ON c.problem_id = p.id ORDER BY p.level NULLS LAST, p.id
"""
_ONCE = "SELECT problem_id, min(round) AS round FROM drawn WHERE solved GROUP BY 1"
# In the order of rounds: a problem is covered in the round that brings the last of its k solutions.
_SOLVED = """
SELECT d.round, d.problem_id, c.reasoning, c.text FROM drawn d JOIN completions c ON c.id = d.completion_id
WHERE d.solved AND d.problem_id IN (SELECT problem_id FROM drawn WHERE solved GROUP BY 1 HAVING count(*) >= {k})
ORDER BY d.round
"""
_LEVELS = "SELECT DISTINCT ON (id) id, level FROM problems WHERE id IN (SELECT problem_id FROM stopped)"
_STOPS = "CREATE TEMP TABLE stopped AS SELECT round, problem_id, reason, evidence FROM ({rows})"


@dataclass(frozen=True, slots=True)
class BudgetRound:
    """A round: problems drawn and draws in it; tokens and covered problems so far. `round` counts from 0.

    `coverage`: the share of covered problems so far, with its interval over clusters.
    """

    round: int
    problems: int
    draws: int
    tokens: int
    covered: int
    coverage: Estimate | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LevelSpend:
    """Spending on one level (None: problems without one): its problems, draws and tokens, and its covered problems as a
    number and a share."""

    level: int | None
    problems: int
    draws: int
    tokens: int
    covered: int
    coverage: Estimate | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StopCount:
    """Number of problems of a level that stopped for one reason."""

    reason: str
    level: int | None
    problems: int


@dataclass(frozen=True, slots=True)
class StopEvidence:
    """The reason why one problem stopped, the round after which it did, and the numbers behind the reason.

    The reason CONTINUED (rollmill.ground.records) stops nothing: the rule gave the problem up, and its draws
    continue at random.
    """

    problem_id: str
    level: int | None
    round: int
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetSpend:
    """The budget account of one run at one k."""

    k: int
    problems: int
    rounds: Sequence[BudgetRound]
    levels: Sequence[LevelSpend]
    stops: Sequence[StopEvidence]

    def stop_counts(self) -> list[StopCount]:
        """Stops by reason and level."""
        counts = Counter((stop.reason, stop.level) for stop in self.stops)
        ordered = sorted(counts, key=lambda key: (key[0], key[1] is None, key[1] or 0))
        return [StopCount(reason, level, counts[reason, level]) for reason, level in ordered]


def budget_spend(scope: Scope, k: int = 1) -> BudgetSpend:
    """Draws, coverage and stops of a run's budget; ValueError for a scope that is not a run.

    Texts are read only for k above 1, and for problems with k correct rollouts: one correct rollout is one solution.
    """
    if scope.run is None:
        raise ValueError("only a run has rounds and stops")
    with scope.connection("rollouts", "outcomes", "problems", "completions") as connection:
        connection.execute(_DRAWN)
        if k == 1:
            connection.execute(f"CREATE TEMP TABLE covered AS {_ONCE}")
        else:
            connection.register("covered", _covered(connection, k))
        rounds = connection.execute(_ROUNDS).fetchall()
        problems = connection.sql(_PROBLEMS).to_arrow_table()
        connection.execute(_STOPS.format(rows=scope.reader.rows("stops", scope.run.id)))
        levels: dict[str, int | None] = dict(connection.execute(_LEVELS).fetchall())
        stops = connection.execute("SELECT * FROM stopped ORDER BY round, problem_id").fetchall()
    return BudgetSpend(
        k=k,
        problems=problems.num_rows,
        rounds=_rounds(rounds, problems),
        levels=_by_level(problems),
        stops=[StopEvidence(key, levels.get(key), r, why, json.loads(evidence or "{}")) for r, key, why, evidence in stops],
    )


def _covered(connection: "duckdb.DuckDBPyConnection", k: int) -> pa.Table:
    """The problems with k distinct solutions, and the round in which each reached k."""
    solutions: dict[str, set[str]] = {}
    covered: dict[str, int] = {}
    cursor = connection.execute(_SOLVED.format(k=int(k)))
    while rows := cursor.fetchmany(CHUNK):  # with texts, so not all at once
        for round_, problem, reasoning, text in rows:
            if problem not in covered:
                known = solutions.setdefault(problem, set())
                known.add(solution_key(argued(reasoning, text)))
                if len(known) == k:
                    covered[problem] = round_
    return pa.table({"problem_id": text_array(covered), "round": pa.array(covered.values(), pa.int64())})


def _coverage(covered: Sequence[bool], clusters: Sequence[str | None]) -> Estimate | None:
    return population_mean([float(flag) for flag in covered], clusters, estimand=COVERAGE)


def _rounds(rows: Sequence[tuple[int, int, int, int]], problems: pa.Table) -> list[BudgetRound]:
    clusters = problems["template"].to_pylist()
    # A problem that is never covered gets a number after the last round.
    covered = np.asarray(problems["covered"].fill_null(1 << 62))
    rounds = []
    for round_, drawn, draws, tokens in rows:
        reached = covered <= round_
        estimate = _coverage(reached.tolist(), clusters)
        rounds.append(BudgetRound(round_, drawn, draws, tokens, int(reached.sum()), estimate))
    return rounds


def _by_level(problems: pa.Table) -> list[LevelSpend]:
    """Spending by level; the problems come sorted by level."""
    rows = []
    for level, members in groupby(problems.to_pylist(), key=lambda row: row["level"]):
        mine = list(members)
        covered = [row["covered"] is not None for row in mine]
        draws, tokens = (sum(row[name] for row in mine) for name in ("draws", "tokens"))
        estimate = _coverage(covered, [row["template"] for row in mine])
        rows.append(LevelSpend(level, len(mine), draws, tokens, sum(covered), estimate))
    return rows
