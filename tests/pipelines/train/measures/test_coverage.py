"""Coverage of toy students whose pass rates are known; the optimal policy of N draws by the loss `dco`'s own objective."""

from pathlib import Path

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.measures.bench import Bench, StudyAnswers, over_seeds, pairs_of
from rollmill.pipelines.train.measures.coverage import Coverage
from rollmill.stats import ArmCounts

DRAWS = 16


def answers_of(rates: np.ndarray, seeds: int = 3) -> ArmCounts:
    """Counts that are the expectation of the rates as closely as whole numbers are."""
    correct = np.tile(np.round(rates * DRAWS).astype(np.int64), (seeds, 1))
    return ArmCounts(np.full_like(correct, DRAWS), correct)


def test_a_sure_student_has_no_more_coverage_than_accuracy_and_a_doubtful_one_has(tmp_path: Path) -> None:
    sure = np.repeat([1.0, 0.0], 20)
    doubtful = np.full(40, 0.5)
    answers = StudyAnswers({"doubtful": answers_of(doubtful), "sure": answers_of(sure)})
    measured = Coverage([1, 16]).measure(Bench(tmp_path, answers=lambda: answers))
    assert measured.table["pass@1: sure"].value == measured.table["pass@1: doubtful"].value == 0.5
    assert measured.table["pass@16: doubtful"].value == 1.0
    assert measured.effects["pass@16: sure - doubtful"].value == -0.5
    low, high = measured.effects["pass@16: sure - doubtful"].low, measured.effects["pass@16: sure - doubtful"].high
    assert -0.7 < low < -0.5 < high < -0.3
    assert measured.effects["pass@1: sure - doubtful"].value == 0.0
    with pytest.raises(SetupError, match="from 1 on"):
        Coverage([0])


@pytest.mark.parametrize(("n", "greedy", "matched", "optimal"), [(16, 0.5, 0.946, 0.982), (64, 0.5, 0.995, 1.0)])
def test_coverage_of_n_draws_is_best_for_a_policy_that_is_less_sure(
    n: int, greedy: float, matched: float, optimal: float
) -> None:
    """Five answers, right with probability q: coverage is the sum of q (1 - (1 - p)^N) over answers (Chen et al. 2025)."""
    q = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])

    def coverage(policy: np.ndarray) -> float:
        return float(q @ (1 - (1 - policy) ** n))

    policy = q.copy()
    for _ in range(20_000):  # exponentiated gradient ascent
        policy = policy * np.exp(0.01 * q * n * (1 - policy) ** (n - 1))
        policy /= policy.sum()
    assert coverage(np.eye(5)[0]) == greedy
    assert coverage(q) == pytest.approx(matched, abs=0.01)
    assert coverage(policy) == pytest.approx(optimal, abs=0.005)
    assert policy[0] < q[0]


def test_pairs_and_intervals_over_trainings(tmp_path: Path) -> None:
    assert pairs_of(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]
    estimate = over_seeds([1.0, 2.0, 3.0], "gain")
    assert (estimate.value, estimate.n) == (2.0, 3)
    assert [estimate.low, estimate.high] == pytest.approx([2 - 4.302653 / 3**0.5, 2 + 4.302653 / 3**0.5])
    made: list[int] = []
    bench = Bench(tmp_path)
    assert [bench.kept("a/b", lambda: made.append(1) or [1.5]) for _ in range(2)] == [[1.5], [1.5]]  # type: ignore[func-returns-value]
    assert made == [1]
    with pytest.raises(SetupError, match="answers of trained models"):
        bench.answers()
