"""Elections over a stored pool: blind pools for aggregators, subsets of them, and the correctness of elected answers.

Aggregators get the blind half of a ballot; the graded half never leaves this module. The expectation over subsets of N
completions is exact if all subsets are gone through, else the mean over seeded ones with its Monte Carlo error; ties are
averaged exactly, never drawn. Tested against `rollmill.stats.majority_at_k`, which is exact for the majority.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from rollmill.ground.ids import digest128
from rollmill.ground.pool import Flags, Floats, Group, Ints, Pool
from rollmill.roles.blind_pool import BlindPool, Election, is_blind
from rollmill.stats import auroc, pass_at_k


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """The completions of one problem as a blind pool of one subset, and separately the values of its answers.

    `right`, `open` (A,): whether an answer is correct, and whether no verdict decides it. An answer is what most verdicts
    on completions that give it say; where they are at odds it is in `conflicts`.
    """

    problem: str
    cluster: Group
    pool: BlindPool
    right: Flags
    open: Flags
    conflicts: int

    @property
    def size(self) -> int:
        """Number of completions."""
        return int(self.pool.answer.shape[1])

    @property
    def correct(self) -> int:
        """Number of completions with a correct answer."""
        answer = self.pool.answer[0]
        return int(self.right[answer[answer >= 0]].sum())


@dataclass(frozen=True, slots=True)
class ElectionBudget:
    """Cost limit of a problem: so many `samples`, or so many `tokens` out."""

    unit: str
    amount: int


@dataclass(frozen=True, slots=True, eq=False)
class Subsets:
    """R subsets of one ballot as one blind pool. `spent` (R,): tokens, NaN if unknown. `exact`: all there are.

    `samples`: how many completions each has, drawn from all alike; None if tokens or turns of models decide. `block`: so
    many subsets in a row are disjoint parts of one shuffle, which matters for the Monte Carlo error alone.
    """

    pool: BlindPool
    spent: Floats
    exact: bool
    samples: int | None = None
    block: int = 1


def ballots(
    pool: Pool, models: Sequence[str] = (), texts: Sequence[str] = (), passes: Mapping[int, Flags] | None = None
) -> list[Ballot]:
    """Ballots, one for each problem that has measured rollouts.

    `models`: restrict them to these models, in the order in which they are asked; empty: all, as stored. `texts`: text of
    every row, for an aggregator that reads texts. `passes`: for each row, which generated tests its program passes; a
    problem is left out unless all of its rows have this.
    """
    places = [pool.models.index(name) for name in models] if models else list(range(len(pool.models)))
    # One place more than models: the index -1 of an unknown model finds -1 there.
    order = np.full(len(pool.models) + 1, -1)
    order[places] = np.arange(len(places))
    model = order[pool.model]
    # A row may name a problem that is not in the pool.
    measured = pool.in_prefix & (pool.problem >= 0)
    taken = np.flatnonzero(measured & (model >= 0)) if models else np.flatnonzero(measured)
    rows = taken[np.argsort(pool.problem[taken], kind="stable")]
    starts = np.flatnonzero(np.diff(pool.problem[rows], prepend=-1))
    return [
        _ballot(pool, part, np.maximum(model[part], 0), (texts, passes or {}))
        for part in np.split(rows, starts[1:])
        if len(part) and (passes is None or all(row in passes for row in part.tolist()))
    ]


def _ballot(pool: Pool, rows: Ints, model: Ints, more: tuple[Sequence[str], Mapping[int, Flags]]) -> Ballot:
    texts, passes = more
    known, answer = np.unique(pool.answer[rows], return_inverse=True)
    # The keys are sorted, so the -1 of those that abstain comes first.
    abstains = int(len(known) > 0 and known[0] < 0)
    keys = known[abstains:].tolist()
    place = answer.reshape(-1) - abstains
    votes = place >= 0
    correct, wrong = (
        np.bincount(place[votes], pool.has(outcome)[rows][votes], len(keys)) for outcome in ("correct", "incorrect")
    )
    blind = BlindPool(
        answers=tuple(pool.answers[key] for key in keys),
        answer=place[None, :],
        drawn=np.ones((1, len(rows)), dtype=bool),
        member=np.arange(len(rows))[None, :],
        model=model[None, :],
        tokens=pool.tokens[rows][None, :],
        scores={name: values[rows][None, :] for name, values in pool.scores.items() if is_blind(name)},
        texts=tuple(texts[row] for row in rows.tolist()) if texts else (),
        passes=np.array([passes[row] for row in rows.tolist()]) if passes else None,
    )
    problem = int(pool.problem[rows[0]])
    cluster = pool.strata["template"][problem]
    conflicts = int(((correct > 0) & (wrong > 0)).sum())
    return Ballot(pool.problems[problem], cluster, blind, correct > wrong, correct + wrong == 0, conflicts)


def subsets(ballot: Ballot, budget: ElectionBudget, *, repeats: int, seed: int) -> Subsets:
    """Subsets of a ballot that the budget pays for: all if there are no more than `repeats`, else as many seeded ones.

    Several models are drawn in turn, so that each has its share. With tokens, completions are taken in a random order until
    the next one does not fit: that one is cut off and gives no answer, and its tokens are spent.
    """
    # Seeded by the problem and not by the aggregator, so that all aggregators get the same subsets.
    numbers = [seed, int(digest128(["subsets", ballot.problem])[:12], 16)]
    if budget.unit == "tokens":
        return _by_tokens(ballot, budget.amount, repeats, np.random.default_rng(numbers))
    rng, n, size = np.random.default_rng([*numbers, budget.amount]), budget.amount, ballot.size
    several = int(ballot.pool.model.max(initial=0)) > 0
    if not several and math.comb(size, n) <= repeats:
        places, exact, block = np.array(list(combinations(range(size), n)), dtype=np.int64).reshape(-1, n), True, 1
    else:
        block = 1 if several else size // n
        shuffles = _orders(ballot, -(-repeats // block), rng)
        places, exact = shuffles[:, : block * n].reshape(-1, n), several and n == size
    pool = ballot.pool.subsets(places)
    return Subsets(pool, np.where(pool.tokens < 0, np.nan, pool.tokens).sum(axis=1), exact, None if several else n, block)


def _orders(ballot: Ballot, number: int, rng: np.random.Generator) -> Ints:
    """(number, M) orders of the completions: random within each model, the models in turn."""
    model = ballot.pool.model[0]
    keys = rng.random((number, ballot.size))
    if model.max(initial=0) == 0:
        return np.argsort(keys, axis=1)
    within = np.argsort(np.argsort(keys + model, axis=1), axis=1)  # models one after the other
    starts = np.concatenate([[0], np.cumsum(np.bincount(model))])
    turn = within - starts[model]
    return np.argsort(turn * (int(model.max()) + 1) + model, axis=1, kind="stable")


def _by_tokens(ballot: Ballot, amount: int, repeats: int, rng: np.random.Generator) -> Subsets:
    # The same orders for every amount, so that a larger budget extends the subsets of a smaller one.
    places = _orders(ballot, repeats, rng)
    cost = np.cumsum(ballot.pool.tokens[0][places], axis=1)
    fits = cost <= amount
    most = max(1, int(fits.sum(axis=1).max(initial=0)))
    spent = np.where(fits.all(axis=1), cost[:, -1], amount).astype(float)
    return Subsets(ballot.pool.subsets(places[:, :most], fits[:, :most]), spent, exact=False)


def right_at(strength: Floats, right: Flags, k: int) -> Floats:
    """(R,) the chance that one of the k strongest answers is right, if equal answers are taken by lot."""
    given = strength > -np.inf
    if not strength.shape[1]:
        return np.zeros(len(strength))
    if k == 1:  # most elections are: no order is needed, only the best
        best = (strength == strength.max(axis=1, keepdims=True)) & given
        return np.asarray((best & right).sum(axis=1) / np.maximum(best.sum(axis=1), 1), dtype=np.float64)
    ordered = -np.sort(-strength, axis=1)
    last = np.clip(given.sum(axis=1), 1, k) - 1
    threshold = np.take_along_axis(ordered, last[:, None], axis=1)
    above, tied = strength > threshold, (strength == threshold) & given
    slots = last + 1 - above.sum(axis=1)
    ties, good = tied.sum(axis=1), (tied & right).sum(axis=1)
    missed = np.ones(len(strength))
    for taken in range(min(k, strength.shape[1])):
        left = np.maximum(ties - taken, 1)
        missed *= np.where(taken < slots, np.maximum(ties - good - taken, 0) / left, 1.0)
    return np.where(given.any(axis=1), np.where((above & right).any(axis=1), 1.0, 1.0 - missed), 0.0)


@dataclass(frozen=True, slots=True)
class ElectionValue:
    """Value of an election over the subsets of one ballot: the chance to be right, and the same chance if every answer
    without a deciding verdict counts as right; its Monte Carlo variance; the tokens (NaN: unknown) and comparisons used.
    """

    value: float
    high: float
    variance: float
    tokens: float
    comparisons: float


def expected(ballot: Ballot, drawn: Subsets, election: Election, k: int) -> ElectionValue:
    """The mean over subsets."""
    values = right_at(election.strength, ballot.right, k)
    high = right_at(election.strength, ballot.right | ballot.open, k) if ballot.open.any() else values
    # Disjoint parts of one shuffle are not independent, whole shuffles are.
    blocks = values[: len(values) // drawn.block * drawn.block].reshape(-1, drawn.block).mean(axis=1)
    noise = 0.0 if drawn.exact or len(blocks) < 2 else float(blocks.var(ddof=1)) / len(blocks)
    compared = 0.0 if election.comparisons is None else float(election.comparisons.mean())
    return ElectionValue(float(values.mean()), float(high.mean()), noise, _tokens(drawn, election), compared)


def best_possible(ballot: Ballot, drawn: Subsets) -> ElectionValue:
    """The oracle: whether a right answer is among the completions, which no election can be better than.

    With N samples of one model it is pass@N, exact; else the mean over the subsets.
    """
    given = Election(np.where(drawn.pool.counts > 0, 1.0, -np.inf))
    expectation = expected(ballot, drawn, given, max(1, len(ballot.right)))
    exact = None if drawn.samples is None else pass_at_k(ballot.size, ballot.correct, drawn.samples)
    return expectation if exact is None else replace(expectation, value=exact, variance=0.0)


def random_choice_value(ballot: Ballot, drawn: Subsets, k: int) -> ElectionValue:
    """k completions of a subset by lot, those without an answer too; only their tokens are needed."""
    size, answer = drawn.pool.sizes, drawn.pool.answer
    taken = np.minimum(size, k)
    if drawn.samples is None:
        # The index -1 of those that abstain finds the appended False.
        good = ((answer >= 0) & np.append(ballot.right, False)[answer]).sum(axis=1)
        chances = [pass_at_k(*counts) for counts in zip(size.tolist(), good.tolist(), taken.tolist(), strict=True)]
    else:
        chances = [pass_at_k(ballot.size, ballot.correct, min(k, drawn.samples))]
    value = float(np.mean([chance or 0.0 for chance in chances]))
    return ElectionValue(value, value, 0.0, float((drawn.spent / np.maximum(size, 1) * taken).mean()), 0.0)


def _tokens(drawn: Subsets, election: Election) -> float:
    """The mean tokens of the drawn completions; if all were drawn, the tokens of the budget."""
    if election.used is None:
        return float(drawn.spent.mean())
    tokens = np.where(drawn.pool.tokens < 0, np.nan, drawn.pool.tokens)
    return float(np.where(election.used & drawn.pool.drawn, tokens, 0.0).sum(axis=1).mean())


def comparison_rate(ballot: Ballot, score: str) -> float | None:
    """p_comp: the chance that a score prefers a right completion of this problem to a wrong one, a tie counting half.

    What a knockout and a best of n rest on (`rollmill.pipelines.aggregate.knockout_bound`); below .5 more completions do
    harm. None where the problem has no right or no wrong completion with a score. Who abstains is in no comparison.
    """
    answer, values = ballot.pool.answer[0], ballot.pool.score(score)[0]
    known = (answer >= 0) & ~np.isnan(values)
    right = known & np.append(ballot.right, False)[answer]
    area = auroc(values[known], right[known])
    return None if area is None else area.value


def folds(ballots: Sequence[Ballot], number: int, seed: int) -> Ints:
    """(P,) the fold of each problem: whole clusters, in a seeded order, each into the fold with the fewest problems."""
    names = [ballot.cluster if ballot.cluster is not None else ("", ballot.problem) for ballot in ballots]
    members: dict[int | str | tuple[str, str], list[int]] = {}
    for place, name in enumerate(names):
        members.setdefault(name, []).append(place)
    sizes, fold = [0] * number, np.zeros(len(ballots), dtype=np.int64)
    for name in sorted(members, key=lambda cluster: digest128(["fold", seed, str(cluster)])):
        least = sizes.index(min(sizes))
        fold[members[name]] = least
        sizes[least] += len(members[name])
    return fold
