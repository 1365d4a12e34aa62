"""What a run's budget spent and reached: by round, by level, and why it stopped. Live while the run writes.

Tokens are those of the run's completions, whoever drew them (what a run itself paid is storage.queries.cost's to say). A
problem is covered when it has k distinct correct solutions, counted as quotas and budgets count them.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from storage.queries.scope import Scope
from storage.records import CONTINUED
from storage.solutions import argued, solution_key

if TYPE_CHECKING:
    pass

__all__ = ["CONTINUED", "BudgetRound", "BudgetSpend", "LevelSpend", "StopCount", "StopEvidence", "budget_spend"]
CHUNK = 20_000

_ROWS = """
SELECT p.round, p.problem_id, coalesce(c.tokens_out, 0) AS tokens,
       CASE WHEN r.outcome = 'correct' AND c.finish_reason <> 'length'
            THEN {text: c.text, reasoning: c.reasoning} END AS solved
FROM planned p JOIN rollouts r USING (problem_id, completion_id) JOIN completions c ON c.id = p.completion_id
ORDER BY p.round, p.problem_id
"""
_LEVELS = "SELECT DISTINCT ON (id) id, level FROM problems"
_STOPS = "SELECT round, problem_id, reason, evidence FROM ({rows}) ORDER BY round, problem_id"


@dataclass(frozen=True, slots=True)
class BudgetRound:
    """One round: problems drawn and draws in it; tokens, draws and covered problems so far. `round` counts from 0."""

    round: int
    problems: int
    draws: int
    tokens: int
    covered: int


@dataclass(frozen=True, slots=True)
class LevelSpend:
    """One level (None: problems without one): its problems, draws, tokens, and covered problems."""

    level: int | None
    problems: int
    draws: int
    tokens: int
    covered: int


@dataclass(frozen=True, slots=True)
class StopCount:
    """How many problems of a level stopped for one reason."""

    reason: str
    level: int | None
    problems: int


@dataclass(frozen=True, slots=True)
class StopEvidence:
    """Why one problem stopped, after which round, and the numbers that the reason rests on.

    The reason CONTINUED (storage.records) stops nothing: the rule gave the problem up, and it goes on at random.
    """

    problem_id: str
    level: int | None
    round: int
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BudgetSpend:
    """The whole account of one run at one k."""

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
    """What the run of this scope drew and covered, and why it stopped; ValueError where the scope is not a run."""
    if scope.run is None:
        raise ValueError("only a run has rounds and stops")
    with scope.connection("rollouts", "problems", "completions") as connection:
        levels: dict[str, int | None] = dict(connection.execute(_LEVELS).fetchall())
        account = _Account(k, {key: _Problem() for key in levels})
        cursor = connection.execute(_ROWS)
        while rows := cursor.fetchmany(CHUNK):  # with the texts of correct rollouts, so not all at once
            for row in rows:
                account.add(*row)
        stops = connection.execute(_STOPS.format(rows=scope.reader.rows("stops", scope.run.id))).fetchall()
    return BudgetSpend(
        k=k,
        problems=len(account.problems),
        rounds=account.rounds(),
        levels=account.by_level(levels),
        stops=[StopEvidence(key, levels.get(key), r, why, json.loads(evidence or "{}")) for r, key, why, evidence in stops],
    )


@dataclass(slots=True)
class _Problem:
    draws: int = 0
    tokens: int = 0
    solutions: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Account:
    """Adds up rows that come in order of their rounds."""

    k: int
    problems: dict[str, _Problem]
    drawn: dict[int, set[str]] = field(default_factory=dict)
    so_far: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    draws: int = 0
    tokens: int = 0
    covered: int = 0

    def add(self, round_: int, problem_id: str, tokens: int, solved: dict[str, Any] | None) -> None:
        problem = self.problems.setdefault(problem_id, _Problem())
        problem.draws += 1
        problem.tokens += tokens
        before = len(problem.solutions)
        if solved is not None and before < self.k:  # more than k change nothing here
            problem.solutions.add(solution_key(argued(solved["reasoning"], solved["text"])))
            self.covered += len(problem.solutions) == self.k > before
        self.draws += 1
        self.tokens += tokens
        self.drawn.setdefault(round_, set()).add(problem_id)
        self.so_far[round_] = self.draws, self.tokens, self.covered

    def rounds(self) -> list[BudgetRound]:
        rounds, before = [], 0
        for round_, (draws, tokens, covered) in sorted(self.so_far.items()):
            rounds.append(BudgetRound(round_, len(self.drawn[round_]), draws - before, tokens, covered))
            before = draws
        return rounds

    def by_level(self, levels: Mapping[str, int | None]) -> list[LevelSpend]:
        members: dict[int | None, list[_Problem]] = {}
        for key, problem in self.problems.items():
            members.setdefault(levels.get(key), []).append(problem)
        return [
            LevelSpend(
                level,
                len(group),
                sum(problem.draws for problem in group),
                sum(problem.tokens for problem in group),
                sum(len(problem.solutions) >= self.k for problem in group),
            )
            for level, group in sorted(members.items(), key=lambda item: (item[0] is None, item[0] or 0))
        ]
