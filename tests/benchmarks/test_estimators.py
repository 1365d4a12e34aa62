"""The estimators under some of the sampling designs of benchmarks/numbers/estimators.py: unbiased, and covered."""

from collections.abc import Iterator

import numpy as np
import pytest

from benchmarks.numbers import estimators
from benchmarks.numbers.estimators import Cell, simulate


@pytest.fixture(autouse=True, scope="module")
def few_rates() -> Iterator[None]:
    """Truths are means over 62,500 rates: it saves seconds."""
    all_of_them, estimators.QUANTILES = estimators.QUANTILES, 250
    yield
    estimators.QUANTILES = all_of_them
    estimators.grid.cache_clear()


def by_name(cells: list[Cell]) -> dict[str, Cell]:
    return {cell.estimator: cell for cell in cells}


@pytest.mark.parametrize(
    ("design", "law", "replications"),
    [
        ("4, 8, 16, 32 in turn", "two kinds", 100),
        ("30 templates of 1 to 20", "broad", 80),
        ("these 60 problems", "hard", 100),
    ],
)
def test_means_over_problems_are_unbiased_and_covered(design: str, law: str, replications: int) -> None:
    cells = simulate(design, law, replications)
    assert [cell.estimator for cell in cells] == ["pass@1", "pass@4", "pass^4", "G-Pass@4", "mG-Pass@4"]
    for cell in cells:
        assert abs(cell.z) < 4, cell
        assert cell.coverage >= 0.88, cell
        assert 0 < cell.width < 0.5


def test_votes_scores_and_ratios_are_unbiased_and_covered() -> None:
    cells = by_name(simulate("40 templates of 5", "broad", 30))
    assert {"maj@4", "distinct@4", "best of 4 by score", "AUROC", "tokens per correct"} < set(cells)
    for cell in cells.values():
        assert abs(cell.z) < 4, cell
        assert cell.coverage >= 0.85, cell


@pytest.mark.parametrize("design", ["until 4 by paths", "until 4 in rounds of 8"])
def test_path_counting_is_unbiased_where_the_rate_of_all_draws_is_not(design: str) -> None:
    cells = by_name(simulate(design, "broad", 60))
    assert abs(cells["path counting"].z) < 4
    assert cells["path counting"].coverage >= 0.88
    assert cells["pass@1, c/n of all draws"].z > (5 if design == "until 4 by paths" else 2)


def test_truths_are_those_of_fresh_completions() -> None:
    """62,500 problems with four fresh answers each."""
    rng = np.random.default_rng(5)
    rates = estimators.grid("broad")
    right = rng.random((len(rates), 4)) < rates[:, None]
    score = right * estimators.LIFT + rng.normal(size=right.shape)
    best = right[np.arange(len(rates)), score.argmax(axis=1)]
    truth = estimators.truths(rates)
    assert right.any(axis=1).mean() == pytest.approx(truth["pass@4"], abs=0.007)
    assert right.all(axis=1).mean() == pytest.approx(truth["pass^4"], abs=0.007)
    assert best.mean() == pytest.approx(truth["best of 4 by score"], abs=0.007)
