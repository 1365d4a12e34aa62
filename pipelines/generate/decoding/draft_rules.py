"""Rules that choose the next token from drafted ones so that it has the target's distribution exactly.

A rule is given as the distribution of its token for each tuple of drafts. Its mean over drafts is the target's
distribution, and its mass on the drafts is the acceptance. p is the target's distribution, q the drafter's, both after
their own warps.
"""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import product
from typing import Protocol

import numpy as np

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats, Ints
from rollmill.pipelines.generate.decoding.optimum import transport_plan

MOST_TUPLES = 1_000_000
"""Tuples of drafts that are enumerated at most."""


class DraftRule(Protocol):
    """Rule of verification. `replacement`: drafts are drawn with replacement."""

    @property
    def name(self) -> str: ...

    @property
    def replacement(self) -> bool: ...

    def given(self, p: Floats, q: Floats, drafts: Ints) -> Floats:
        """Distribution of the chosen token for each row of drafts, (rows, vocabulary). `drafts`: (rows, k) tokens."""


class Recursive:
    """Each draft in turn is accepted with min(1, p / q); after a rejection p becomes the rest of p over q.

    One draft: Leviathan et al. 2023, arXiv:2211.17192. Several with replacement: Miao et al. 2024, arXiv:2305.09781.
    Without: Jeon et al. 2024, arXiv:2402.14160; a rejected token then leaves q.
    """

    def __init__(self, name: str, *, most: int | None = None, replacement: bool = True) -> None:
        self.name, self.replacement = name, replacement
        self._most = most

    def given(self, p: Floats, q: Floats, drafts: Ints) -> Floats:
        rows = np.arange(len(drafts))
        target, source = np.tile(p, (len(drafts), 1)), np.tile(q, (len(drafts), 1))
        chosen, left = np.zeros_like(target), np.ones(len(drafts))
        for tokens in drafts.T[: self._most]:
            accepted = np.minimum(1.0, target[rows, tokens] / source[rows, tokens])
            chosen[rows, tokens] += left * accepted
            left = left * (1.0 - accepted)
            target = _rest(target, source)
            if not self.replacement:
                source[rows, tokens] = 0.0
                source /= np.maximum(source.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        return np.asarray(chosen + left[:, None] * target)


class KSequential:
    """Each draft in turn is accepted with min(1, p / (rho q)), with the smallest valid rho.

    Sun et al. 2023, SpecTr, arXiv:2310.15141: at least 1 - 1/e of the optimum.
    """

    name, replacement = "k_seq", True

    def given(self, p: Floats, q: Floats, drafts: Ints) -> Floats:
        rows, count = np.arange(len(drafts)), drafts.shape[1]
        rho = _rho(p, q, count)
        taken = np.minimum(q, p / rho)
        beta = float(taken.sum())
        accepted = 1.0 - (1.0 - beta) ** count
        rest = np.maximum(p - taken * (accepted / beta if beta else 0.0), 0.0)
        chosen, left = np.zeros((len(drafts), len(p))), np.ones(len(drafts))
        for tokens in drafts.T:
            share = taken[tokens] / q[tokens]
            chosen[rows, tokens] += left * share
            left = left * (1.0 - share)
        return np.asarray(chosen + left[:, None] * _normal(rest, p))


class SelectOne:
    """Rule that selects one draft, then accepts it as a single draft drawn from the distribution of the selection.

    The optimal rule has this form (Khisti et al. 2024, Multi-draft speculative sampling, arXiv:2410.18234). `select`:
    function of p, q and the drafts that gives the distribution of the selected token for each row, (rows, vocabulary).
    """

    def __init__(
        self, name: str, select: Callable[[Floats, Floats, Ints, bool], Floats], *, replacement: bool = True
    ) -> None:
        self.name, self.replacement = name, replacement
        self._select = select

    def given(self, p: Floats, q: Floats, drafts: Ints) -> Floats:
        every, chances = draft_tuples(q, drafts.shape[1], replacement=self.replacement)
        selected = chances @ self._select(p, q, every, self.replacement)
        of_rows = self._select(p, q, drafts, self.replacement)
        accepted = np.minimum(1.0, np.divide(p, selected, out=np.ones_like(p), where=selected > 0))
        kept = of_rows * accepted
        left = 1.0 - kept.sum(axis=1, keepdims=True)
        return np.asarray(kept + left * _normal(np.maximum(p - selected, 0.0), p))


def _by_importance(p: Floats, q: Floats, drafts: Ints, _: bool) -> Floats:
    """Selection in proportion to p / q."""
    weights = p[drafts] / q[drafts]
    weights = np.where(weights.sum(axis=1, keepdims=True) > 0, weights, 1.0)
    return _at_tokens(weights / weights.sum(axis=1, keepdims=True), drafts, len(p))


def _by_plan(p: Floats, q: Floats, drafts: Ints, replacement: bool) -> Floats:
    """Selection by the optimal transport plan; what the plan leaves of a set goes to its tokens in equal parts."""
    plan = transport_plan(p, q, drafts.shape[1], replacement=replacement)
    selection = cache(plan.selection)  # many tuples have one set
    shares = np.zeros((len(drafts), len(p)))
    for row, tokens in enumerate(drafts.tolist()):
        shares[row] = selection(frozenset(tokens))
    return shares


RULES: Mapping[str, DraftRule] = ByName(
    {
        "single": Recursive("single", most=1),
        "multi_round": Recursive("multi_round"),
        "recursive": Recursive("recursive", replacement=False),
        "k_seq": KSequential(),
        "weighted": SelectOne("weighted", _by_importance),
        "optimal": SelectOne("optimal", _by_plan),
        "optimal_distinct": SelectOne("optimal_distinct", _by_plan, replacement=False),
    }
)


def draft_tuples(q: Floats, count: int, *, replacement: bool) -> tuple[Ints, Floats]:
    """Every possible tuple of drafts and its probability."""
    if len(q) ** count > MOST_TUPLES:
        raise SetupError(f"{count} drafts of {len(q)} tokens have {len(q) ** count:,} tuples, over {MOST_TUPLES:,}.")
    tuples = np.asarray(list(product(np.flatnonzero(q > 0).tolist(), repeat=count)), dtype=np.int64).reshape(-1, count)
    chances = q[tuples].prod(axis=1) if replacement else _without_replacement(q, tuples)
    possible = chances > 0
    return tuples[possible], chances[possible]


def _without_replacement(q: Floats, tuples: Ints) -> Floats:
    """The probability of each row of tokens, drawn one after the other; 0 for one with equal tokens."""
    rows, left, chances = np.arange(len(tuples)), np.tile(q, (len(tuples), 1)), np.ones(len(tuples))
    for tokens in tuples.T:
        # Not 1 less what is drawn: beside a token of nearly all the mass that is 0 where others are left.
        mass = left.sum(axis=1)
        chances = chances * left[rows, tokens] / np.where(mass > 0, mass, 1.0)
        left[rows, tokens] = 0.0
    return chances


def acceptance(rule: DraftRule, p: Floats, q: Floats, count: int) -> float:
    """Probability that the token that a rule chooses is one of `count` drafts."""
    tuples, chances = draft_tuples(q, count, replacement=rule.replacement)
    chosen = rule.given(p, q, tuples)
    drafted = np.zeros(chosen.shape, dtype=np.bool_)
    np.put_along_axis(drafted, tuples, values=True, axis=1)
    return float(chances @ np.where(drafted, chosen, 0.0).sum(axis=1))


def _rho(p: Floats, q: Floats, count: int) -> float:
    """The root of 1 - (1 - beta)^k = rho beta in [1, k], from above, with beta = sum of min(q, p / rho)."""
    low, high = 1.0, float(count)
    for _ in range(60):
        middle = (low + high) / 2
        beta = float(np.minimum(q, p / middle).sum())
        low, high = (middle, high) if 1.0 - (1.0 - beta) ** count > middle * beta else (low, middle)
    return high


def _rest(target: Floats, source: Floats) -> Floats:
    """The normalised positive part of target - source, row by row; the target where there is none."""
    excess = np.maximum(target - source, 0.0)
    total = excess.sum(axis=1, keepdims=True)
    return np.where(total > 0, excess / np.where(total > 0, total, 1.0), target)


def _normal(rest: Floats, otherwise: Floats) -> Floats:
    total = float(rest.sum())
    return rest / total if total > 0 else otherwise


def _at_tokens(shares: Floats, drafts: Ints, vocabulary: int) -> Floats:
    """Shares of places as shares of tokens; a token drafted twice has both."""
    placed = np.zeros((len(drafts), vocabulary))
    rows = np.arange(len(drafts))
    for place, tokens in enumerate(drafts.T):
        placed[rows, tokens] += shares[:, place]
    return placed
