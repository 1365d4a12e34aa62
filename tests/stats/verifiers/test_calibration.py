"""AUROC, Brier and calibration error: against all pairs, by hand, and the coverage of their intervals over clusters."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest

from rollmill.stats.verifiers.calibration import auroc, auroc_within, brier, calibration
from tests.known import known


def by_pairs(scores: Sequence[float], right: Sequence[bool]) -> float | None:
    pairs = [(s, t) for s, r in zip(scores, right, strict=True) for t, q in zip(scores, right, strict=True) if r and not q]
    return sum((s > t) + 0.5 * (s == t) for s, t in pairs) / len(pairs) if pairs else None


def test_auroc_equals_all_pairs_of_every_small_case() -> None:
    """All verdicts and all scores of 0, 1, 2 on five completions."""
    for right in product((False, True), repeat=5):
        for scores in product((0, 1, 2), repeat=5):
            found, wanted = auroc(scores, right), by_pairs(scores, right)
            assert (None if found is None else pytest.approx(found.value)) == wanted
            if found is not None:
                assert found.low <= found.value <= found.high
                assert found.high - found.low > 0.05


def test_auroc_within_problems_sees_no_difficulty() -> None:
    """A score that only knows the problem separates the pool and nothing within a problem."""
    problems = np.repeat(np.arange(20), 10)
    easy = problems < 10
    right = np.tile(np.arange(10), 20) < np.where(easy, 9, 1)
    pooled, within = auroc(easy, right, problems.tolist()), auroc_within(easy, right, problems)
    assert pooled is not None
    assert within is not None
    assert (pooled.value, within.value) == pytest.approx((0.9, 0.5))
    assert within.high - within.low > 0.1  # all problems tie: no spread was seen


def test_auroc_within_equals_the_pairs_of_each_problem() -> None:
    rng = np.random.default_rng(0)
    problems, scores, right = rng.integers(0, 6, 40), rng.integers(0, 4, 40), rng.random(40) < 0.5
    wins = pairs = 0.0
    for owner in range(6):
        rows = problems == owner
        count = int(right[rows].sum()) * int((~right[rows]).sum())
        wins, pairs = wins + (by_pairs(scores[rows], right[rows]) or 0.0) * count, pairs + count
    found = auroc_within(scores, right, problems)
    assert found is not None
    assert found.value == pytest.approx(wins / pairs)


def test_separation_is_not_certainty() -> None:
    found = auroc([3.0, 4.0, 1.0, 2.0], [True, True, False, False], ["a", "b", "a", "b"])
    assert found is not None
    assert (found.value, found.high, found.method) == (1.0, 1.0, "separated: Clopper-Pearson over clusters")
    assert found.low == pytest.approx(0.025**0.5)
    one = auroc([3.0, 1.0], [True, False], ["a", "a"])
    assert one is not None
    assert (one.low, one.high) == (0.0, 1.0)
    assert auroc([1.0, 2.0], [True, True]) is None


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_auroc_is_covered_over_problems_where_rows_alone_are_not(shift: float) -> None:
    """Problems of unequal difficulty and scores that know it: their completions are not independent."""
    rng = np.random.default_rng(3)

    def sample(problems: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ease = rng.normal(size=problems)[:, None]
        right = rng.random((problems, 8)) < 1 / (1 + np.exp(-1.5 * ease))
        return (
            (ease + shift * right + rng.normal(size=right.shape)).ravel(),
            right.ravel(),
            np.repeat(np.arange(problems), 8),
        )

    truth = known(auroc(*sample(15_000)[:2])).value
    held = naive = 0
    for _ in range(100):
        scores, right, owner = sample(50)
        mine, rows = known(auroc(scores, right, owner.tolist())), known(auroc(scores, right))
        held += mine.low <= truth <= mine.high
        naive += rows.low <= truth <= rows.high
    assert 0.89 <= held / 100 <= 0.99
    assert naive < held


def test_brier_by_hand() -> None:
    found = brier([1.0, 0.5, 0.0, 0.5], [True, True, True, False], list("aabb"))
    assert found is not None
    assert found.value == (0.0 + 0.25 + 1.0 + 0.25) / 4
    assert found.clusters == 2
    assert brier([], []) is None


@pytest.mark.parametrize("estimator", [brier, calibration])
def test_what_is_no_chance_is_refused(estimator: Callable[[list[float], list[bool]], object]) -> None:
    with pytest.raises(ValueError, match="are not probabilities"):
        estimator([-3.0, 0.5], [True, False])
    with pytest.raises(ValueError, match="none missing"):
        estimator([0.5, float("nan")], [True, False])


def test_calibration_error_by_hand_in_bins_of_equal_counts() -> None:
    found = calibration([0.1, 0.2, 0.8, 0.9], [False, True, True, True], bins=2)
    assert found is not None
    assert [(b.n, b.correct.value) for b in found.bins] == [(2, 0.5), (2, 1.0)]
    assert [b.mean_score for b in found.bins] == pytest.approx([0.15, 0.85])
    assert found.error.value == pytest.approx((2 * 0.35 + 2 * 0.15) / 4)


def test_equal_scores_are_never_parted() -> None:
    found = calibration([0.5] * 9 + [0.9], [True] * 5 + [False] * 5, bins=5)
    assert found is not None
    assert [b.n for b in found.bins] == [9, 1]
    rng = np.random.default_rng(1)
    scores, right = np.round(rng.random(60), 1), rng.random(60) < 0.5
    order = rng.permutation(60)
    shuffled = known(calibration(scores[order], right[order]))
    assert known(calibration(scores, right)).error.value == pytest.approx(shuffled.error.value)


def test_a_calibrated_score_is_not_told_from_noise_and_a_bold_one_is() -> None:
    rng, held = np.random.default_rng(2), 0
    for repeat in range(100):
        chance = np.repeat(rng.random(60), 4)
        right, owner = rng.random(240) < chance, np.repeat(np.arange(60), 4).tolist()
        found = known(calibration(chance, right, owner, bins=8, resamples=300, seed=repeat))
        held += found.error.low == 0.0
    assert held >= 95
    bold = known(calibration(np.where(chance > 0.5, 0.99, 0.01), rng.random(240) < chance, owner, bins=8))
    assert bold.error.low > 0.0
    assert bold.error.value > 2 * bold.noise


def test_one_cluster_says_nothing_of_the_error() -> None:
    found = calibration([0.2, 0.9], [True, True], ["a", "a"])
    assert found is not None
    assert (found.error.low, found.error.high) == (0.0, 1.0)
