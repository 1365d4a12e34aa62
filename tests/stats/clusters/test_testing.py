"""Holm by hand, alpha that is spent and not exceeded."""

from typing import Literal

import numpy as np
import pytest

from rollmill.stats.clusters.testing import alpha_spent, holm


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
def test_all_looks_together_spend_alpha(shape: Literal["obrien-fleming", "pocock", "linear"]) -> None:
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
