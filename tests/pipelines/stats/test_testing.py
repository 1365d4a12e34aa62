"""Sign flips against every pattern, their error of the first kind, Holm by hand, alpha that is spent and not exceeded."""

from itertools import product

import numpy as np
import pytest

from pipelines.stats.testing import alpha_spent, holm, sign_flip_test


def test_the_p_value_equals_every_pattern_of_signs() -> None:
    for differences in product((-0.5, 0.0, 0.25, 1.0), repeat=5):
        found = sign_flip_test([0.0] * 5, differences)
        assert found is not None
        seen = abs(sum(differences))
        patterns = [
            abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in product((-1, 1), repeat=5)
        ]
        assert found.p == pytest.approx(sum(value >= seen - 1e-12 for value in patterns) / 32)
        assert found.exact


def test_no_change_and_one_cluster_show_nothing() -> None:
    same = sign_flip_test([0.5, 1.0], [0.5, 1.0])
    assert same is not None
    assert (same.difference, same.p) == (0.0, 1.0)
    assert sign_flip_test([0.0] * 4, [1.0] * 4, ["a"] * 4).p == 1.0
    assert sign_flip_test([], []) is None


def test_many_clusters_are_flipped_at_random_and_never_give_zero() -> None:
    found = sign_flip_test([0.0] * 40, [1.0] * 40, draws=999)
    assert found is not None
    assert (found.p, found.exact) == (1 / 1000, False)
    rng = np.random.default_rng(0)
    values = rng.normal(0.2, 1.0, size=14).round(2).tolist()
    exact = sign_flip_test([0.0] * 14, values)
    sampled = sign_flip_test([0.0] * 15, [*values, 1e-9])
    assert sampled.exact is False
    assert sampled.p == pytest.approx(exact.p, abs=0.02)


@pytest.mark.parametrize("clustered", [True, False])
def test_its_error_of_the_first_kind_is_kept_over_clusters_only(clustered: bool) -> None:
    """Twelve templates of ten problems whose differences go together."""
    rng, errors = np.random.default_rng(1), 0
    names = np.repeat(np.arange(12), 10).tolist() if clustered else None
    for repeat in range(200):
        change = np.repeat(rng.normal(0.0, 0.1, size=12), 10) + rng.normal(0.0, 0.1, size=120)
        errors += sign_flip_test([0.0] * 120, change.tolist(), names, draws=199, seed=repeat).p <= 0.05
    assert (errors / 200 <= 0.09) == clustered


def test_holm_by_hand_in_any_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.04, 0.03, 0.01]) == pytest.approx([0.06, 0.06, 0.03])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    with pytest.raises(ValueError, match="lie in"):
        holm([1.5])


def test_holm_keeps_the_chance_of_any_false_claim() -> None:
    rng = np.random.default_rng(2)
    wrong = [min(holm(row)) <= 0.05 for row in rng.random((2000, 10)).tolist()]
    assert np.mean(wrong) <= 0.065


@pytest.mark.parametrize("shape", ["obrien-fleming", "pocock", "linear"])
def test_all_looks_together_spend_alpha(shape) -> None:
    levels = alpha_spent([n / 90 for n in range(1, 91)], shape=shape)
    assert sum(levels) == pytest.approx(0.05, abs=1e-9)
    assert min(levels) >= 0.0
    assert sum(alpha_spent([0.5], shape=shape)) < 0.05


def test_spending_by_hand() -> None:
    assert alpha_spent([0.25, 0.5, 0.75, 1.0]) == pytest.approx([0.00009, 0.00548, 0.01806, 0.02637], abs=2e-5)
    assert alpha_spent([0.5, 1.0], shape="linear") == pytest.approx([0.025, 0.025])
    for looks in ([], [0.5, 0.5], [0.0, 1.0], [1.5]):
        with pytest.raises(ValueError, match="ascending shares"):
            alpha_spent(looks)


def test_ninety_nights_raise_few_false_alarms() -> None:
    """Tests of one growing sample: at .05 each a false alarm is nearly certain, at the spent levels it is rare."""
    from scipy.special import ndtr

    rng, nights = np.random.default_rng(3), np.arange(1, 91)
    z = np.cumsum(rng.normal(size=(1000, 90)), axis=1) / np.sqrt(nights)
    p = 2 * (1 - ndtr(np.abs(z)))
    assert (p <= 0.05).any(axis=1).mean() > 0.3
    assert (p <= alpha_spent((nights / 90).tolist())).any(axis=1).mean() <= 0.05
    fresh = rng.random((1000, 90))
    assert (fresh <= 0.05).any(axis=1).mean() > 0.95
    assert (fresh <= alpha_spent((nights / 90).tolist(), shape="linear")).any(axis=1).mean() <= 0.065


def test_a_mcnemar_test_of_pooled_completions_errs_where_flips_of_problems_do_not() -> None:
    """Two models that are equally good on average, each better at some of 60 problems, 32 completions of each."""
    from scipy.special import bdtr

    rng, pooled, flipped = np.random.default_rng(4), 0, 0
    for repeat in range(150):
        rates = rng.beta(2, 2, size=(2, 60, 1))
        one, other = rng.random((2, 60, 32)) < rates
        better, worse = int((one & ~other).sum()), int((other & ~one).sum())
        pooled += 2 * bdtr(min(better, worse), better + worse, 0.5) <= 0.05
        found = sign_flip_test(one.mean(axis=1).tolist(), other.mean(axis=1).tolist(), draws=199, seed=repeat)
        flipped += found.p <= 0.05
    assert pooled / 150 > 0.3
    assert flipped / 150 <= 0.1
