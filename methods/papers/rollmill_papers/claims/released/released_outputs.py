"""Released outputs as a pool, with the labels that came with them and the generated tests that programs pass.

A published number is the mean over problems of one of `rollmill_papers.claims.released.published.VALUES`; the same value
from the labels says what another grader explains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from rollmill.methods import (
    STATES,
    BlindPool,
    Estimate,
    Flags,
    Floats,
    Ints,
    NotTestable,
    Pool,
    paired_difference,
    pass_at_k,
    population_mean,
)
from rollmill_papers.claims import evidence
from rollmill_papers.claims.evidence import Table

CORRECT, INCORRECT = STATES.index("correct"), STATES.index("incorrect")
ByProblem = Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedTests:
    """The tests that a model wrote for one problem. `passes` (N, T): the programs' results by sample index; `counts` (T,):
    how often each test was written.
    """

    passes: Flags
    counts: Ints

    @property
    def repeated(self) -> Flags:
        """(N, sum of counts): each test as often as it was written."""
        return np.repeat(self.passes, self.counts, axis=1)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A pool of released outputs. `labels` (n,): 1 right, 0 wrong, -1 without a label. `tests`: generated tests, by
    problem.
    """

    pool: Pool
    labels: Ints
    tests: Mapping[str, GeneratedTests] = field(default_factory=dict)

    @property
    def labelled(self) -> "Recorded | None":
        """The pool with labels in place of verdicts; None if a row has none."""
        if not len(self.labels) or (self.labels < 0).any():
            return None
        return replace(self, pool=replace(self.pool, outcome=np.where(self.labels == 1, CORRECT, INCORRECT)))

    @cached_property
    def right(self) -> Flags:
        """(n,): whether correct; an undecided row counts as not correct."""
        return np.equal(self.pool.outcome, CORRECT)

    @cached_property
    def table(self) -> Table:
        """The pool as problems x completions, for elections."""
        return Table("released", self.pool, 0)

    def rows(self, model: str, source: str | None) -> Ints:
        """The rows of a model on a set (`source`), in whole runs: sample indices that every problem of them has.

        A partly released run, for example wrong solutions only, has no rate.
        """
        if model not in self.pool.models:
            raise NotTestable(f"the outputs hold no model {model!r}")
        taken = self.pool.model == self.pool.models.index(model)
        if source is not None:
            sources = np.array([str(name) for name in self.pool.strata["source"]])
            taken &= sources[self.pool.problem] == source
        # -1 marks a row whose problem is missing.
        rows = np.flatnonzero(taken & (self.pool.problem >= 0))
        problems = len(np.unique(self.pool.problem[rows]))
        indices, counts = np.unique(self.pool.index[rows], return_counts=True)
        whole = rows[np.isin(self.pool.index[rows], indices[counts == problems])]
        if not len(whole):
            raise NotTestable(f"the outputs hold no whole run of {model} on {source or 'its problems'}")
        return whole

    def by_problem(self, rows: Ints) -> dict[str, Ints]:
        """The rows of each problem."""
        # The last key of `lexsort` is the first to sort by: the rows of a problem stand together, by sample.
        ordered = rows[np.lexsort((self.pool.index[rows], self.pool.problem[rows]))]
        # Problems are numbered from 0 on, so the -1 in front makes the first row a start.
        starts = np.flatnonzero(np.diff(self.pool.problem[ordered], prepend=-1))
        # `np.split` makes one empty part of no rows, and an empty part has no problem.
        parts = np.split(ordered, starts[1:]) if len(ordered) else []
        return {self.pool.problems[int(self.pool.problem[part[0]])]: part for part in parts}


def pass_rates(recorded: Recorded, *, model: str, source: str | None = None) -> ByProblem:
    """The share of a model's completions that is right, over its whole runs."""
    parts = recorded.by_problem(recorded.rows(model, source))
    return {problem: float(recorded.right[part].mean()) for problem, part in parts.items()}


def passes_at(recorded: Recorded, *, model: str, k: int, source: str | None = None) -> ByProblem:
    """pass@k, the unbiased estimator of Chen et al. 2021."""
    parts = recorded.by_problem(recorded.rows(model, source))
    rates = {problem: pass_at_k(len(part), int(recorded.right[part].sum()), k) for problem, part in parts.items()}
    if None in rates.values():
        raise NotTestable(f"a problem has fewer than {k} completions")
    # The condition is for the type checker: no rate is None here.
    return {problem: float(rate) for problem, rate in rates.items() if rate is not None}


def elected(recorded: Recorded, *, aggregator: str, options: Mapping[str, Any] | None = None) -> ByProblem:
    """Correctness of the answer that an aggregator elects from all completions, by problem."""
    table = recorded.table
    values = table.elected(evidence.aggregator(aggregator, **(options or {})), table.n)
    return dict(zip([ballot.problem for ballot in table.ballots], values.tolist(), strict=True))


def selected(
    recorded: Recorded, *, aggregator: str, k: int, model: str, options: Mapping[str, Any] | None = None
) -> ByProblem:
    """The chance that one of k programs is right, chosen by generated tests: one from each of the k best groups.

    As CodeT's `evaluation.py`: programs of equal strength are one group, from which one is taken by lot; programs that pass
    no test are in none; if no program passes a test all are taken by lot.
    """
    parts = recorded.by_problem(recorded.rows(model, None))
    if not recorded.tests:
        raise NotTestable("the outputs hold no generated tests")
    method, values = evidence.aggregator(aggregator, **(options or {})), {}
    for problem, part in parts.items():
        right, tests = recorded.right[part], recorded.tests.get(problem)
        used = None if tests is None else tests.repeated[recorded.pool.index[part]]
        if used is None or not used.any():
            # With fewer programs than k all of them are taken.
            values[problem] = pass_at_k(len(part), int(right.sum()), min(k, len(part))) or 0.0
            continue
        counts = used.any(axis=1)
        # Each program is an answer of its own, so that the strengths are those of programs.
        pool = BlindPool.of([str(place) for place in range(int(counts.sum()))], passes=used[counts])
        values[problem] = chance_of_groups(method.elect(pool).strength[0], right[counts], k)
    return values


def chance_of_groups(strength: Floats, right: Flags, k: int) -> float:
    """The chance that one of k picks is right: the j-th from the j-th strongest group, then again from the strongest."""
    levels = np.unique(strength)[::-1]
    missed = [1.0 - float(right[strength == level].mean()) for level in levels[:k]]
    return 1.0 - float(np.prod([missed[turn % len(missed)] for turn in range(k)]))


def estimated(value: ByProblem, less: ByProblem | None = None) -> Estimate:
    """The mean of a value over problems with its 95% interval, or of its paired difference to another one."""
    if less is None:
        estimate = population_mean(list(value.values()))
    else:
        # Only problems that have both values can be paired.
        common = [problem for problem in value if problem in less]
        estimate = paired_difference(_values(less, common), _values(value, common))
    if estimate is None:
        raise NotTestable("the outputs hold no problem of this kind")
    return estimate


def _values(of: ByProblem, problems: Sequence[str]) -> list[float]:
    return [of[problem] for problem in problems]
