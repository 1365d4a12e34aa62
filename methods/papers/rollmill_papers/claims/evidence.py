"""Evidence for claims: pools by name as tables of problems x completions, and elections over them, each made once.

Claims that share a pool share its elections: a majority of 16 of 64 is counted once for all of them. Nothing here is an
estimator; those are in `rollmill.stats` and `rollmill.metrics`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rollmill.methods import (
    Aggregator,
    Ballot,
    Effect,
    ElectionBudget,
    Flags,
    Floats,
    Group,
    Ints,
    NotTestable,
    Pool,
    Sample,
    SampleRows,
    ballots,
    expected,
    paired_difference,
    pass_at_ks,
    registry,
    subsets,
)

REPEATS = 100  # subsets of a problem's completions where there are more


def aggregator(name: str, **options: Any) -> Aggregator:
    """The aggregator of a name with its options."""
    built: Aggregator = registry("aggregator")[name](**options)
    return built


@dataclass(eq=False)
class Table:
    """A pool with the same number of completions of each problem: arrays (P, n) by problem and sample index."""

    name: str
    pool: Pool
    seed: int
    solutions: Ints | None = None
    _elected: dict[tuple[str, int], Floats] = field(default_factory=dict)

    @cached_property
    def sample(self) -> Sample:
        """The measured problems of the pool, cut to the number of completions that each of them has."""
        rows = SampleRows(self.pool)
        there = np.flatnonzero(rows.drawn > 0)
        least = int(rows.drawn[there].min()) if len(there) else 0
        if not least:
            raise NotTestable(f"pool {self.name} has no completions that were fixed before a verdict")
        first = np.concatenate([rows.ordered[rows.starts[at] : rows.starts[at] + least] for at in there.tolist()])
        marked = np.zeros(len(self.pool), dtype=bool)
        marked[first] = True
        # Rows reads only what is marked as fixed beforehand, so a smaller mark cuts every problem to the same n.
        return Sample(SampleRows(replace(self.pool, in_prefix=marked)), there)

    @cached_property
    def rows(self) -> Ints:
        """(P, n): the places of the rollouts in the pool."""
        return np.stack(list(self.sample.by_problem()))

    @property
    def n(self) -> int:
        """Completions of each problem."""
        return int(self.rows.shape[1])

    @property
    def few(self) -> int:
        """A quarter of them."""
        return max(1, self.n // 4)

    @cached_property
    def right(self) -> Flags:
        """(P, n): whether correct; an undecided completion counts as not correct."""
        return self.sample.right(self.rows)

    @cached_property
    def tokens(self) -> Ints:
        """(P, n): tokens out."""
        return self.pool.tokens[self.rows]

    @cached_property
    def correct(self) -> Ints:
        """(P,): correct completions."""
        return np.asarray(self.right.sum(axis=1), dtype=np.int64)

    @cached_property
    def levels(self) -> Ints:
        """(P,): the level of each problem, 0 if none is stated."""
        levels = self.pool.strata["level"]
        return np.array([level if isinstance(level := levels[at], int) else 0 for at in self.sample.places.tolist()])

    @property
    def clusters(self) -> list[Group]:
        """The template of each problem."""
        return self.sample.clusters

    def score(self, name: str) -> Floats:
        """(P, n): a scorer's values; NotTestable if the pool lacks some."""
        values = self.pool.scores.get(name)
        if values is None or np.isnan(values[self.rows]).any():
            raise NotTestable(f"pool {self.name} has no score {name!r} of every completion")
        return np.asarray(values[self.rows], dtype=np.float64)

    def pass_at(self, k: int) -> Floats:
        """(P,): pass@k of each problem."""
        return np.asarray(pass_at_ks(np.full(len(self.correct), self.n), self.correct, [k])[:, 0], dtype=np.float64)

    @cached_property
    def ballots(self) -> list[Ballot]:
        """The answers of each problem, blind."""
        return self.sample.ballots()

    def elected(self, chooser: Aggregator, n: int) -> Floats:
        """(P,): the chance that what an aggregator elects from n completions is right."""
        # By repr, which has the options: claims make equal aggregators of their own.
        known = (repr(chooser), n)
        if known not in self._elected:
            self._elected[known] = np.array([self._of_ballot(ballot, chooser, n) for ballot in self.ballots])
        return self._elected[known]

    def _of_ballot(self, ballot: Ballot, chooser: Aggregator, n: int) -> float:
        drawn = subsets(ballot, ElectionBudget("samples", n), repeats=REPEATS, seed=self.seed)
        return expected(ballot, drawn, chooser.elect(drawn.pool), 1).value

    def difference(self, before: Sequence[float] | Floats, after: Sequence[float] | Floats) -> Effect:
        """Mean of after - before over problems, paired, with its interval over templates; values in [0, 1]."""
        return Effect.of(paired_difference(list(map(float, before)), list(map(float, after)), self.clusters))


@dataclass(eq=False)
class Evidence:
    """Evidence of one seed. `seed`: seed of the simulations and random choices in claims. `pools`: pools by name.

    `solutions`: for each pool, the number of every rollout's solution; copies have the same number, a text without an end
    has -1.
    """

    seed: int
    pools: Mapping[str, Pool] = field(default_factory=dict)
    solutions: Mapping[str, Ints] = field(default_factory=dict)
    _tables: dict[str, Table] = field(default_factory=dict)

    def table(self, name: str, least: int = 1) -> Table:
        """A pool as a table; NotTestable if it is missing or has fewer than `least` completions a problem."""
        if name not in self.pools:
            raise NotTestable(f"there is no pool {name!r}")
        if name not in self._tables:
            self._tables[name] = Table(name, self.pools[name], self.seed, self.solutions.get(name))
        table = self._tables[name]
        if table.n < least:
            raise NotTestable(f"pool {name} has {table.n} completions of each problem, {least} are needed")
        return table

    def rng(self, purpose: int) -> np.random.Generator:
        """Random numbers of this seed; claims that share none have different purposes."""
        return np.random.default_rng([self.seed, purpose])


def model_ballots(pool: Pool, models: Sequence[str]) -> list[Ballot]:
    """Ballots of the problems that all of these models answered, each of them equally often."""
    common = [ballot for ballot in ballots(pool, models) if len(set(ballot.pool.model[0].tolist())) == len(models)]
    if not common:
        raise NotTestable(f"no problem was answered by all of {', '.join(models)}")
    return common
