"""Expected result of a vote over k of a problem's n answers, over all choices of the k: maj@k and diversity.

For metrics that ask what a vote would have given with fewer completions, from one stored pool. One shuffle per k, as many
evaluation scripts do, adds noise of its own; here the expectation is exact, or the mean over seeded subsets together with
its Monte Carlo error where exact sums would take too long; aggregators other than the majority are the affair of
`rollmill.metrics.elections`. Answers are canonical keys (docs/explanation/statistics.md); a completion without
one abstains and counts in k.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from rollmill.stats.draws.subsets import pass_at_ks

Array = npt.NDArray[np.float64]
_WORK = 5_000_000  # multiplications that an exact majority may take, some 10 ms
_DRAWS = 1000  # subsets of one problem where it may not


@dataclass(frozen=True, slots=True)
class AnswerCounts:
    """The answers of one problem: `votes[a]` completions gave answer a, of which the share `rights[a]` is correct.

    Equal answers have equal verdicts, so a share other than 0 and 1 is a contradiction of the verifier's or not judged.
    `abstained` completions gave none.
    """

    votes: tuple[int, ...]
    rights: tuple[float, ...]
    abstained: int = 0

    def __post_init__(self) -> None:
        if len(self.votes) != len(self.rights) or min((*self.votes, 1)) < 1 or self.abstained < 0:
            raise ValueError(f"a share and at least one vote for each answer, got {self}")

    @property
    def n(self) -> int:
        """All completions."""
        return sum(self.votes) + self.abstained


@dataclass(frozen=True, slots=True)
class Expectation:
    """An expectation over subsets. `error`: its Monte Carlo standard error, 0.0 if it is an exact sum."""

    value: float
    error: float = 0.0


def majority_at_k(answers: AnswerCounts, k: int, *, seed: int = 0) -> Expectation | None:
    """maj@k: the chance that the most frequent answer of k completions is correct; None for n < k.

    Of equally frequent answers each is elected with the same chance; k abstentions elect nothing, which is not correct. The
    sum runs over the number v of votes of a right answer: the others have at most v each, and 1/(t+1) elections go to it
    where t of them have v too.
    """
    if k < 1:
        raise ValueError(f"maj@k needs k >= 1, got {k}")
    if answers.n < k:
        return None
    rights = [(m, right) for m, right in zip(answers.votes, answers.rights, strict=True) if right > 0.0]
    ties = min(len(answers.votes), k)
    if answers.n * k * k * ties * len({m for m, _ in rights}) > _WORK:
        return _sampled_majority(answers, k, seed)
    votes = tuple(sorted(answers.votes))
    return Expectation(min(1.0, math.fsum(right * _elected(votes, m, answers.abstained, k) for m, right in rights)))


def distinct_at_ks(votes: Sequence[int], n: int, ks: Sequence[int]) -> Array:
    """(K,): the expected number of different answers among k of n completions; NaN for n < k.

    The rarefaction curve sum_a 1 - C(n - m_a, k)/C(n, k) (Hurlbert 1971, Ecology 52, eq. 14), the sum of pass@k.
    """
    if not len(votes):
        return np.where(np.asarray(ks) <= n, 0.0, np.nan)
    return np.asarray(pass_at_ks(n, np.asarray(votes), ks).sum(axis=0), dtype=np.float64)


def agreement(votes: Sequence[int], n: int) -> float | None:
    """The chance that two of n completions give the same answer, sum m(m-1)/(n(n-1)); None for n < 2.

    Unbiased for sum q_a^2 (Simpson 1949, Nature 163); 1 minus it is diversity. An abstention agrees with nothing.
    """
    return sum(m * (m - 1) for m in votes) / (n * (n - 1)) if n >= 2 else None


@lru_cache(maxsize=65_536)
def _elected(votes: tuple[int, ...], mine: int, abstained: int, k: int) -> float:
    """The chance that one answer with `mine` votes is elected by k of all completions.

    Each answer's votes among the k are taken as binomial with rate k/n, given that they sum to k: that is the
    hypergeometric law, without binomial coefficients that overflow.
    """
    others = Counter(votes) - Counter([mine])
    n, rate = sum(votes) + abstained, k / (sum(votes) + abstained)
    chances = {m: _binomial(m, rate, k) for m in {*others, mine}}
    whole = _binomial(n, rate, k)[k]
    total = 0.0
    for v in range(1, min(mine, k) + 1):
        small = abstained + sum(m * count for m, count in others.items() if m < v)  # these can neither beat nor tie
        state = _binomial(small, rate, k - v)[None, :]
        for m, count in others.items():
            for _ in range(count if m >= v else 0):
                state = _with_answer(state, chances[m], v)
        total += float(chances[mine][v] * (state[:, -1] / np.arange(1, len(state) + 1)).sum())
    return total / float(whole)


def _with_answer(state: Array, chances: Array, v: int) -> Array:
    """`state` (ties, completions) after an added answer: it has fewer than v votes, or v and is a tie more."""
    most = state.shape[1] - 1
    gap = np.arange(most + 1) - np.arange(most + 1)[:, None]
    below = np.where((gap >= 0) & (gap < v), chances[np.clip(gap, 0, len(chances) - 1)], 0.0)
    after = np.zeros((len(state) + (v <= most), most + 1))
    after[: len(state)] = state @ below
    if v <= most:
        after[1:, v:] += state[:, : most + 1 - v] * chances[v]
    return after[: most // v + 1]  # more ties than fit are impossible


def _binomial(trials: int, rate: float, most: int) -> Array:
    """The chances of 0 .. `most` successes."""
    hits = np.arange(most + 1)
    if rate >= 1.0:
        return np.asarray(hits == trials, dtype=np.float64)
    steps = np.log(np.maximum(trials - hits[1:] + 1, 1) / hits[1:]) + math.log(rate) - math.log1p(-rate)
    logs = np.concatenate([[0.0], np.cumsum(steps)]) + trials * math.log1p(-rate)
    return np.where(hits <= trials, np.exp(logs), 0.0)


def _sampled_majority(answers: AnswerCounts, k: int, seed: int) -> Expectation:
    """Rao-Blackwellised: subsets are drawn, ties among them are not."""
    rng = np.random.default_rng([seed, k, answers.n])
    drawn = rng.multivariate_hypergeometric([*answers.votes, answers.abstained], k, size=_DRAWS)[:, :-1]
    top = (drawn == drawn.max(axis=1, keepdims=True)) & (drawn > 0)
    values = (top @ np.asarray(answers.rights)) / np.maximum(top.sum(axis=1), 1)
    return Expectation(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(_DRAWS))
