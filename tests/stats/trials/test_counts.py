"""Differences in pass@k over seeds and problems from counts, and the variance of one draw."""

import numpy as np
import pytest

from rollmill.stats import ArmCounts, draw_variance, pass_at_k, pass_at_k_cells, pass_at_k_difference, two_way

BEFORE = ArmCounts([[4, 4], [4, 4], [6, 4]], [[0, 2], [1, 2], [3, 4]])
AFTER = ArmCounts([[4, 4], [4, 4], [4, 4]], [[1, 4], [2, 2], [2, 4]])


@pytest.mark.parametrize("k", [1, 2, 4])
def test_cells_are_the_unbiased_estimates(k: int) -> None:
    counts = zip(np.ravel(BEFORE.judged).tolist(), np.ravel(BEFORE.correct).tolist(), strict=True)
    assert pass_at_k_cells(BEFORE, k).ravel().tolist() == pytest.approx([pass_at_k(n, c, k) for n, c in counts])


def test_the_difference_is_that_of_the_cells() -> None:
    """pass@2 of 4: 0, 1/2, 5/6, 1 and 1 for 0 to 4 right; of 6 with 3 right 4/5."""
    cells = [[0.5, 1 - 5 / 6], [5 / 6 - 0.5, 0.0], [5 / 6 - 0.8, 0.0]]
    one, other = pass_at_k_difference(BEFORE, AFTER, 2), two_way(cells)
    assert one is not None
    assert other is not None
    assert (one.change.low, one.change.high, one.p) == pytest.approx((other.change.low, other.change.high, other.p))
    assert one.change.estimand == "mean difference in pass@2 over trainings and the population of problems"


def test_what_is_undefined_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"pass@5 needs 5 .* 5 of 6 have fewer, the first of seed 0 and problem 0 .* with 4"
    ):
        pass_at_k_cells(BEFORE, 5)
    with pytest.raises(ValueError, match="same seeds and problems"):
        pass_at_k_difference(BEFORE, ArmCounts([[4]], [[1]]), 1)
    with pytest.raises(ValueError, match="not of 1 dimensions"):
        pass_at_k_cells(ArmCounts([4], [1]), 1)
    with pytest.raises(ValueError, match="k is at least 1"):
        pass_at_k_cells(BEFORE, 0)
    with pytest.raises(ValueError, match="two completions"):
        draw_variance(ArmCounts([[1]], [[1]]))


def test_the_variance_of_a_draw_has_no_bias() -> None:
    rng, chances = np.random.default_rng(1), np.array([[0.1, 0.5, 0.9]])
    counts = rng.binomial(3, np.repeat(chances, 20_000, axis=0))
    assert draw_variance(ArmCounts(np.full(counts.shape, 3), counts)) == pytest.approx((0.09 + 0.25 + 0.09) / 3, abs=0.002)
    assert draw_variance(BEFORE, AFTER) == pytest.approx(draw_variance(BEFORE) + draw_variance(AFTER))
