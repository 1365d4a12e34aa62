"""Equivalence: by hand, against SciPy, its error at the margin by simulation, and never by silence."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipelines.stats import Equivalence, equivalence


def test_by_hand() -> None:
    # Differences .1, 0, -.1, .1 (mean .025, deviation .0957, error .0479): t(3) at .95 is 2.3534, so .025 +- .1126.
    found = equivalence([0.5] * 4, [0.6, 0.5, 0.4, 0.6], margin=0.14)
    assert found is not None
    assert (round(found.difference.low, 4), round(found.difference.high, 4)) == (-0.0877, 0.1377)
    assert (found.conclusion, found.difference.clusters) == ("equivalent", 4)
    narrow = equivalence([0.5] * 4, [0.6, 0.5, 0.4, 0.6], margin=0.13)
    assert narrow is not None
    assert narrow.conclusion == "undecided"


def test_its_p_is_the_worse_of_scipys_two_tests() -> None:
    rng = random.Random(3)
    before, after = [rng.random() for _ in range(30)], [rng.random() for _ in range(30)]
    found = equivalence(before, after, margin=0.2)
    values = [late - early for early, late in zip(before, after, strict=True)]
    above = stats.ttest_1samp(values, -0.2, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.2, alternative="less").pvalue
    assert found is not None
    assert found.p == pytest.approx(max(above, below), rel=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=12), st.floats(0.01, 0.9))
def test_the_interval_and_the_tests_agree(pairs: list[tuple[float, float]], margin: float) -> None:
    before, after = [early for early, _ in pairs], [late for _, late in pairs]
    found, back = equivalence(before, after, margin=margin), equivalence(after, before, margin=margin)
    assert found is not None
    assert back is not None
    assert found.conclusion == back.conclusion  # a difference has no direction
    if found.p is not None and abs(found.p - 0.05) > 1e-6 and max(abs(found.difference.low), found.difference.high) < 1.0:
        assert (found.p < 0.05) == (found.conclusion == "equivalent")


def test_different_is_said_and_too_little_is_undecided() -> None:
    apart = equivalence([0.9, 0.8, 0.9, 1.0] * 5, [0.5, 0.5, 0.6, 0.4] * 5, margin=0.1)
    assert apart is not None
    assert apart.conclusion == "different"
    few = equivalence([0.5, 0.4], [0.4, 0.5], margin=0.1)
    assert few is not None
    assert few.conclusion == "undecided"
    one = equivalence([0.5, 0.5], [0.5, 0.4], ["a", "a"], margin=0.5)
    assert one is not None
    assert (one.conclusion, one.p) == ("undecided", None)
    assert equivalence([], [], margin=0.1) is None


def test_no_spread_is_not_certainty() -> None:
    same = equivalence([0.5] * 20, [0.5] * 20, margin=0.05)
    assert same is not None
    assert (same.conclusion, same.p, round(same.difference.high, 4)) == ("undecided", None, 0.1391)
    many = equivalence([0.5] * 100, [0.5] * 100, margin=0.05)
    assert many is not None
    assert many.conclusion == "equivalent"
    shifted = equivalence([0.5] * 20, [0.625] * 20, margin=0.2)
    assert shifted is not None
    assert (shifted.conclusion, shifted.difference.method) == ("undecided", "paired, Hoeffding over clusters that tie")
    cancelling = equivalence([0.5, 0.5] * 3, [0.75, 0.25] * 3, ["a", "a", "b", "b", "c", "c"], margin=0.05)
    assert cancelling is not None
    assert cancelling.conclusion == "undecided"


@pytest.mark.parametrize(("margin", "alpha"), [(0.0, 0.05), (1.5, 0.05), (0.1, 0.5), (0.1, 0.0)])
def test_margins_and_levels_that_mean_nothing_are_refused(margin: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        equivalence([0.5], [0.5], margin=margin, alpha=alpha)


def simulate(shift: float, seed: int, *, spread: float = 0.06, samples: int = 8) -> Equivalence:
    """Two engines on 18 templates of 10 problems; a template shifts all of its problems alike."""
    rng = random.Random(seed)
    before, after, names = [], [], []
    for template in range(18):
        own = shift + rng.gauss(0.0, spread)
        for _ in range(10):
            p = rng.uniform(0.3, 0.7)
            before.append(sum(rng.random() < p for _ in range(samples)) / samples)
            after.append(sum(rng.random() < p + own for _ in range(samples)) / samples)
            names.append(template)
    found = equivalence(before, after, names, margin=0.05)
    assert found is not None
    return found


@pytest.mark.parametrize("shift", [0.05, -0.05])
def test_at_the_margin_it_errs_in_one_of_twenty(shift: float) -> None:
    """600 simulations at the border of the hypothesis: alpha .05, three deviations of a count are .027."""
    wrong = sum(simulate(shift, seed).conclusion == "equivalent" for seed in range(600)) / 600
    assert 0.02 <= wrong <= 0.08


def test_its_interval_covers_nine_of_ten() -> None:
    covered = sum(found.low <= 0.02 <= found.high for found in (simulate(0.02, seed).difference for seed in range(400)))
    assert 0.855 <= covered / 400 <= 0.945


def test_equal_engines_are_found_equivalent() -> None:
    """Power: 2,880 completions a side see within .05 nearly always, 1,440 in six of ten cases."""
    found = [simulate(0.0, seed, spread=0.0, samples=16).conclusion for seed in range(100)]
    assert found.count("equivalent") >= 85
    assert "different" not in found


def test_problems_taken_for_independent_would_err_far_more_often() -> None:
    """Without clusters the same data say `equivalent` at the margin much too often: why clusters are asked for."""
    wrong = 0
    for seed in range(200):
        rng = random.Random(seed)
        shifts = [0.05 + rng.gauss(0.0, 0.15) for _ in range(18)]
        after = [0.5 + shift for shift in shifts for _ in range(10)]
        found = equivalence([0.5] * 180, after, margin=0.05)
        assert found is not None
        wrong += found.conclusion == "equivalent"
    assert wrong / 200 > 0.1
