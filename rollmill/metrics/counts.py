"""Counts of rollouts by problem: the numbers under every pass rate, pass@k and interval.

Used by every report of a rate: manifest, gate, command line, dashboard, re-verification, audits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import STATES, Flags, Group, Ints, Pool, grouped
from rollmill.ground.records import JUDGED
from rollmill.stats import band_of

UNDECIDED = STATES.index("undecided")
"""Its place among the outcomes: earlier ones are judged, later ones pending."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Arrays with one place per problem, P of them.

    `correct`, `judged` (correct + incorrect + unparsed) and `undecided` are of the measured rollouts, those in the prefix;
    `rollouts` and `kept` of all. `clusters`: what intervals take for sampled together, the template; None: the problem
    itself. `groups`: columns to report by, for example `level`.
    """

    clusters: Sequence[Group]
    groups: Mapping[str, Sequence[Group]]
    correct: Ints
    judged: Ints
    undecided: Ints
    rollouts: Ints
    kept: Ints

    def __len__(self) -> int:
        return len(self.clusters)

    @property
    def drawn(self) -> Ints:
        """Measured rollouts of each problem, undecided ones too."""
        return self.judged + self.undecided

    def take(self, places: Ints) -> "Counts":
        """The problems at these places."""
        chosen = places.tolist()
        return Counts(
            [self.clusters[place] for place in chosen],
            {name: [values[place] for place in chosen] for name, values in self.groups.items()},
            *(column[places] for column in (self.correct, self.judged, self.undecided, self.rollouts, self.kept)),
        )

    def where(self, problems: Flags) -> "Counts":
        """The marked problems."""
        return self.take(np.flatnonzero(problems))

    def judged_only(self) -> "Counts":
        """The problems with a judged rollout; only these have a rate."""
        return self.where(self.judged > 0)

    def by(self, group: str) -> Iterator[tuple[Group, "Counts"]]:
        """The problems of each value of a group, sorted, those without a value last."""
        return ((value, self.take(places)) for value, places in grouped(self.groups[group]).items())

    def rates(self) -> list[float]:
        """correct / judged of the problems that have a judged rollout."""
        some = self.judged > 0
        shares: list[float] = (self.correct[some] / self.judged[some]).tolist()
        return shares

    def rated_clusters(self) -> list[Group]:
        """The clusters of the same problems."""
        return [cluster for cluster, judged in zip(self.clusters, self.judged.tolist(), strict=True) if judged]

    def bands(self) -> list[str | None]:
        """The difficulty band of each problem, by its correct / judged; None if nothing is judged."""
        pairs = zip(self.correct.tolist(), self.judged.tolist(), strict=True)
        return [band_of(correct / judged) if judged else None for correct, judged in pairs]


def counts_of(pool: Pool) -> Counts:
    """The counts of a pool's problems, in its order; measured are the rollouts in its prefix."""
    known, outcomes = pool.problem >= 0, outcomes_by_problem(pool)
    return Counts(
        clusters=pool.strata["template"],
        correct=outcomes[:, 0],
        judged=outcomes[:, : len(JUDGED)].sum(axis=1),
        undecided=outcomes[:, UNDECIDED],
        rollouts=np.bincount(pool.problem[known], minlength=len(pool.problems)),
        kept=np.bincount(pool.problem[known & (pool.kept == 1)], minlength=len(pool.problems)),
        groups=pool.strata,
    )


def outcomes_by_problem(pool: Pool) -> Ints:
    """(P, states + 1): the measured rollouts of each problem by outcome, in the last column those of an unknown one.

    One pass over the rollouts, of which there may be tens of millions.
    """
    rows, width = pool.in_prefix & (pool.problem >= 0), len(STATES) + 1
    problem, outcome = (pool.problem, pool.outcome) if rows.all() else (pool.problem[rows], pool.outcome[rows])
    cells = problem * width + np.where(outcome < 0, len(STATES), outcome)
    return np.bincount(cells, minlength=len(pool.problems) * width).reshape(-1, width)


def tallied(rows: Iterable[Sequence[int | None]], clusters: Sequence[Group], **groups: Sequence[Group]) -> Counts:
    """Counts of problems that a query has counted: (correct, judged, undecided[, rollouts, kept]) each, null for 0."""
    table = np.zeros((len(clusters), 5), dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = [value or 0 for value in row]
    return Counts(clusters, groups, *table.T)


class CountsByProblem:
    """Counts of rollouts that come one after another, in any order."""

    def __init__(self) -> None:
        self.problems: dict[str, Group] = {}
        self._rows: dict[str, list[int]] = {}

    def open(self, problem_id: str, cluster: Group) -> list[int]:
        """A problem, which may get no rollout: its counts, of which there is one however often it is opened."""
        if problem_id not in self._rows:
            self.problems[problem_id] = cluster
            self._rows[problem_id] = [0, 0, 0, 0, 0]
        return self._rows[problem_id]

    def add(self, problem_id: str, cluster: Group, outcome: str, *, kept: bool = False) -> None:
        """Add one measured rollout."""
        row = self.open(problem_id, cluster)
        row[0] += outcome == "correct"
        row[1] += outcome in JUDGED
        row[2] += outcome == "undecided"
        row[3] += 1
        row[4] += kept

    def counts(self) -> Counts:
        """Counts so far, problems in the order of their first rollout."""
        return tallied(self._rows.values(), list(self.problems.values()), problem=list(self.problems))
