"""Paired differences and equivalence: against simulation, scipy, and what little data may claim."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rollmill.stats import Equivalence, equivalence, paired_difference, paired_test


def test_equivalence_by_hand() -> None:
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


def test_few_clusters_have_a_t_interval_by_hand() -> None:
    found = paired_test([0.5, 0.5, 1.0, 0.0], [1.0, 0.5, 0.5, 1.0])
    # Differences .5, 0, -.5, 1: mean .25, deviation .6455, error .3227; t(3) at .975 is 3.1824 and at .8 .9785.
    assert found is not None
    assert (found.change.value, found.change.n, found.change.clusters) == (0.25, 4, 4)
    assert (round(found.change.low, 4), found.change.high) == (-0.7771, 1.0)
    assert found.change.method == "paired cluster t"
    assert found.p == pytest.approx(stats.ttest_1samp([0.5, 0.0, -0.5, 1.0], 0.0).pvalue)
    assert found.detectable is None
    smaller = paired_test([0.0] * 4, [0.1, 0.0, -0.1, 0.2])
    assert smaller is not None
    assert smaller.detectable == pytest.approx(0.06455 * (3.1824 + 0.9785), abs=1e-4)


def test_from_seven_clusters_on_signs_are_flipped() -> None:
    found = paired_test([0.0] * 7, [0.3, 0.1, 0.2, 0.4, 0.25, 0.15, 0.35])
    assert found is not None
    assert (found.change.method, found.p) == ("paired, sign flips of clusters", 1 / 64)
    # 3 of 64 ways may be beyond an end; the lowest means of a part: .1, .125 (.1, .15) and .15 (.1, .2 or .15).
    assert found.change.low == pytest.approx(0.15)
    assert found.change.high == pytest.approx(0.35)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.25, 0.5, 1.0])), max_size=20),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0.9, 0.95]),
)
def test_the_interval_never_contradicts_the_test(pairs: list[tuple[float, float]], size: int, confidence: float) -> None:
    before, after = [early for early, _ in pairs], [late for _, late in pairs]
    names = [at // size for at in range(len(pairs))]
    found = paired_test(before, after, names, confidence=confidence, draws=199)
    if found is not None and abs(found.p - 1.0 + confidence) > 1e-9:
        low, high = found.change.low, found.change.high
        assert (found.p < 1.0 - confidence) == (not low - 1e-9 <= 0.0 <= high + 1e-9)


def test_every_cluster_changed_alike_is_not_certainty() -> None:
    tied, all_of_it = paired_test([0.5] * 20, [0.625] * 20), paired_test([0.0] * 20, [1.0] * 20)
    assert tied is not None
    assert all_of_it is not None
    assert (tied.change.value, tied.change.method) == (0.125, "paired, sign flips of clusters that tie")
    assert (all_of_it.change.value, all_of_it.change.high, all_of_it.p) == (1.0, 1.0, 0.5**19)
    assert all_of_it.change.low == pytest.approx(2 * 0.025 ** (1 / 20) - 1)
    # A share of 1 - .025^(1/20) may be of the other sign: twice that of .125 to both sides.
    assert (round(tied.change.low, 4), round(tied.change.high, 4)) == (0.0829, 0.1671)
    five = paired_test([0.0] * 5, [1.0] * 5)
    assert five is not None
    assert (five.p, five.change.low < 0.0) == (1 / 16, True)


def test_few_changes_hide_as_many_as_their_number_allows() -> None:
    """One of 100 problems: Clopper-Pearson of 1 of 100 to its side, of 0 of 100 to the other."""
    found = paired_test([0.0] * 100, [1.0] + [0.0] * 99)
    assert found is not None
    assert (round(found.change.low, 4), round(found.change.high, 4), found.p) == (-0.0362, 0.0545, 1.0)


def test_changes_that_gather_in_few_templates_are_covered() -> None:
    """A tenth of 40 templates change in about a third of their rollouts; the plain cluster t covers .67 here."""
    rng, covered = np.random.default_rng(3), 0
    sizes = np.maximum(1, 60 // np.arange(1, 41))
    names = np.repeat(np.arange(40), sizes).tolist()
    for _ in range(200):
        rates = np.where(rng.random(40) < 0.1, rng.beta(0.9, 2.1, 40), 0.0)
        after = (rng.binomial(8, np.repeat(rates, sizes)) / 8).tolist()
        found = paired_test([0.0] * len(after), after, names, draws=999)
        assert found is not None
        covered += found.change.low <= 0.03 <= found.change.high
    assert covered / 200 >= 0.93


def test_problems_of_one_template_are_one_observation() -> None:
    apart = paired_difference([0.0] * 8, [1.0, 0.0] * 4)
    together = paired_difference([0.0] * 8, [1.0, 0.0] * 4, ["a", "b"] * 4)
    assert apart is not None
    assert together is not None
    assert together.high - together.low > apart.high - apart.low


def test_no_change_is_not_certainty() -> None:
    found = paired_difference([0.5] * 20, [0.5] * 20)
    assert found is not None
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (0.0, -0.1684, 0.1684)
    assert paired_difference([], []) is None
    one = paired_difference([0.0, 0.0], [1.0, 0.0], ["a", "a"])
    assert one is not None
    assert (one.low, one.high) == (-1.0, 1.0)


def test_the_interval_covers_its_truth() -> None:
    rng, covered = random.Random(8), 0
    for _ in range(400):
        values = [(rng.random() < 0.4, rng.random() < 0.5) for _ in range(60)]
        found = paired_test([float(a) for a, _ in values], [float(b) for _, b in values], draws=999)
        assert found is not None
        covered += found.change.low <= 0.1 <= found.change.high
    assert 0.92 <= covered / 400 <= 0.98


def test_a_mcnemar_test_of_pooled_completions_errs_where_flips_of_problems_do_not() -> None:
    """Two models that are equally good on average, each better at some of 60 problems, 32 completions of each."""
    from scipy.special import bdtr

    rng, pooled, flipped = np.random.default_rng(4), 0, 0
    for _ in range(150):
        rates = rng.beta(2, 2, size=(2, 60, 1))
        one, other = rng.random((2, 60, 32)) < rates
        better, worse = int((one & ~other).sum()), int((other & ~one).sum())
        pooled += 2 * bdtr(min(better, worse), better + worse, 0.5) <= 0.05
        found = paired_test(one.mean(axis=1).tolist(), other.mean(axis=1).tolist(), draws=199)
        assert found is not None
        flipped += found.p <= 0.05
    assert pooled / 150 > 0.3
    assert flipped / 150 <= 0.1


@pytest.mark.parametrize("clustered", [True, False])
def test_its_error_of_the_first_kind_is_kept_over_clusters_only(clustered: bool) -> None:
    """Twelve templates of ten problems whose differences go together."""
    rng, errors = np.random.default_rng(1), 0
    names = np.repeat(np.arange(12), 10).tolist() if clustered else None
    for _ in range(200):
        change = np.repeat(rng.normal(0.0, 0.1, size=12), 10) + rng.normal(0.0, 0.1, size=120)
        found = paired_test([0.0] * 120, change.tolist(), names, draws=199)
        assert found is not None
        errors += found.p <= 0.05
    assert (errors / 200 <= 0.09) == clustered


@pytest.mark.parametrize("clusters", [5, 12, 15, 40])
def test_exchanging_the_sides_exchanges_the_signs_and_nothing_else(clusters: int) -> None:
    rng = random.Random(clusters)
    for _ in range(20):
        before, after = ([rng.randrange(5) / 4 for _ in range(clusters)] for _ in range(2))
        test, opposite = (paired_test(*sides, draws=199) for sides in ((before, after), (after, before)))
        assert test is not None
        assert opposite is not None
        assert opposite.p == test.p
        assert (opposite.change.low, opposite.change.high) == pytest.approx((-test.change.high, -test.change.low))


def test_a_bound_at_zero_up_to_rounding_is_zero_as_for_the_test() -> None:
    rng = random.Random(3)
    for _ in range(300):
        before, after = ([rng.randrange(4) / 3 for _ in range(45)] for _ in range(2))
        test = paired_test(before, after, [index // 3 for index in range(45)], confidence=0.8, draws=99)
        assert test is not None
        assert (test.change.low <= 0.0 <= test.change.high) == (test.p > 0.2 + 1e-9)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="the difference of problem 1 is not a finite number"):
        paired_test([0.0, value, 1.0], [1.0, 1.0, 1.0])
