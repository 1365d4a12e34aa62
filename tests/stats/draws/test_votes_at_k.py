"""Votes over k of n answers: against every subset of every small case, by sampling where there are too many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product

import numpy as np
import pytest

from rollmill.stats.draws import votes_at_k
from rollmill.stats.draws.votes_at_k import AnswerCounts, agreement, distinct_at_ks, majority_at_k
from tests.known import known


def partitions(n: int, most: int | None = None) -> Iterator[tuple[int, ...]]:
    """Every multiset of positive integers that sums to n."""
    if n == 0:
        yield ()
    for first in range(min(n, most or n), 0, -1):
        for rest in partitions(n - first, first):
            yield (first, *rest)


def by_brute_force(votes: Sequence[int], rights: Sequence[float], abstained: int, k: int) -> float:
    answers = [a for a, m in enumerate(votes) for _ in range(m)] + [None] * abstained
    total = []
    for subset in combinations(answers, k):
        tally = Counter(answer for answer in subset if answer is not None)
        top = [a for a, m in tally.items() if m == max(tally.values())]
        total.append(sum(rights[a] for a in top) / len(top) if top else 0.0)
    return float(np.mean(total))


@pytest.mark.parametrize("n", range(1, 8))
def test_majority_equals_every_subset_of_every_small_case(n: int) -> None:
    """Every way in which n completions can answer, every k, each answer in turn the right one."""
    for abstained in range(n):
        for votes in partitions(n - abstained):
            for right, k in product(range(len(votes)), range(1, n + 1)):
                rights = tuple(float(a == right) for a in range(len(votes)))
                found = majority_at_k(AnswerCounts(votes, rights, abstained), k)
                assert found is not None
                assert found.value == pytest.approx(by_brute_force(votes, rights, abstained, k), abs=1e-12)
                assert found.error == 0.0


def test_two_keys_may_be_right_and_one_in_part() -> None:
    votes, rights = (4, 3, 2, 1), (0.0, 1.0, 0.5, 1.0)
    for k in range(1, 12):
        found = majority_at_k(AnswerCounts(votes, rights, 1), k)
        assert found is not None
        assert found.value == pytest.approx(by_brute_force(votes, rights, 1, k), abs=1e-12)


def test_one_vote_is_pass_at_1_and_all_votes_the_elected_answer() -> None:
    answers = AnswerCounts((5, 3, 2), (0.0, 1.0, 0.0), 2)
    assert known(majority_at_k(answers, 1)).value == pytest.approx(3 / 12)
    assert known(majority_at_k(answers, 12)).value == pytest.approx(0.0, abs=1e-15)
    assert known(majority_at_k(AnswerCounts((3, 3), (1.0, 0.0)), 6)).value == pytest.approx(0.5)
    assert known(majority_at_k(AnswerCounts((), (), 4), 3)).value == 0.0


def test_more_votes_than_completions_are_undefined() -> None:
    assert majority_at_k(AnswerCounts((2,), (1.0,), 1), 4) is None
    assert np.isnan(distinct_at_ks((2, 1), 3, [4])).all()
    assert agreement((1,), 1) is None


def test_large_pools_are_sampled_and_say_their_error(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = AnswerCounts((20, 15, 10, 5, 5, 5), (0.0, 1.0, 0.0, 0.0, 0.0, 0.0), 4)
    exact = majority_at_k(answers, 9)
    monkeypatch.setattr(votes_at_k, "_WORK", 0)
    sampled = majority_at_k(answers, 9)
    assert exact is not None
    assert sampled is not None
    assert 0 < sampled.error < 0.02
    assert abs(sampled.value - exact.value) < 3 * sampled.error
    assert sampled == majority_at_k(answers, 9)
    assert sampled != majority_at_k(answers, 9, seed=1)


def test_a_thousand_answers_do_not_overflow() -> None:
    votes = (500, 400, *([1] * 124))
    rights = (1.0, *([0.0] * 125))
    found = majority_at_k(AnswerCounts(votes, rights), 512)
    assert found is not None
    assert 0.99 < found.value <= 1.0


def test_majority_is_unbiased_for_votes_among_fresh_answers() -> None:
    """The mean of maj@5 of 12 answers is the chance that 5 fresh ones elect the right one."""
    rng, shares = np.random.default_rng(1), [0.4, 0.35, 0.15, 0.1]
    exact = majority_at_k(AnswerCounts((4000, 3500, 1500), (1.0, 0.0, 0.0), 1000), 5)
    assert exact is not None
    found = []
    for _ in range(3000):
        *votes, abstained = rng.multinomial(12, shares).tolist()
        drawn = tuple(m for m in votes if m)
        rights = tuple(float(a == 0) for a, m in enumerate(votes) if m)
        found.append(known(majority_at_k(AnswerCounts(drawn, rights, abstained), 5)).value)
    assert np.mean(found) == pytest.approx(exact.value, abs=3 * np.std(found) / np.sqrt(3000))


def test_the_number_of_different_answers_equals_every_subset() -> None:
    for n in range(1, 7):
        for abstained in range(n + 1):
            for votes in partitions(n - abstained):
                answers = [a for a, m in enumerate(votes) for _ in range(m)] + [None] * abstained
                wanted = [
                    np.mean([len(set(subset) - {None}) for subset in combinations(answers, k)]) for k in range(1, n + 1)
                ]
                np.testing.assert_allclose(distinct_at_ks(votes, n, range(1, n + 1)), wanted, atol=1e-12)
                pairs = [one == other is not None for one, other in combinations(answers, 2)]
                assert agreement(votes, n) == (pytest.approx(np.mean(pairs)) if n > 1 else None)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="k >= 1"):
        majority_at_k(AnswerCounts((1,), (1.0,)), 0)
    with pytest.raises(ValueError, match="at least one vote"):
        AnswerCounts((1, 0), (1.0, 0.0))
