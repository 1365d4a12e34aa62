"""Set method `temperature`: shares by size, and the two estimators of one gradient on a quadratic."""

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.mix.quotas.temperature import Temperature, equal_weights, shares_at
from rollmill.pipelines.mix.table import MixUnits

COUNTS = {"large": 800, "middle": 150, "small": 50}


def units() -> MixUnits:
    sources = [name for name, count in COUNTS.items() for _ in range(count)]
    return MixUnits([f"{at:04}" for at in range(1_000)], {}, {"source": sources})


def test_a_temperature_of_1_is_proportional_and_a_large_one_equal() -> None:
    assert shares_at(COUNTS, 1.0) == pytest.approx({"large": 0.8, "middle": 0.15, "small": 0.05})
    assert shares_at(COUNTS, 1e9) == pytest.approx(dict.fromkeys(COUNTS, 1 / 3), abs=1e-6)
    assert shares_at(COUNTS, 0.01) == pytest.approx({"large": 1.0, "middle": 0.0, "small": 0.0})
    assert shares_at(COUNTS, 2.0)["small"] == pytest.approx(50**0.5 / (800**0.5 + 150**0.5 + 50**0.5))
    assert equal_weights(COUNTS, shares_at(COUNTS, 1.0)) == pytest.approx(dict.fromkeys(COUNTS, 1.0))
    chosen = Temperature().choose(units(), 100, 4)
    assert chosen.facts["parts"][0]["rows"] == {"large": 80, "middle": 15, "small": 5}


def test_falling_temperatures_draw_part_by_part_and_nothing_twice() -> None:
    table = units()
    chosen = Temperature([1e9, 2.0, 1.0]).choose(table, 90, 4)
    parts = chosen.facts["parts"]
    assert parts[0]["rows"] == {"large": 10, "middle": 10, "small": 10}
    assert parts[2]["rows"] == {"large": 24, "middle": 5, "small": 1}
    assert parts[0]["rows"]["small"] > parts[1]["rows"]["small"] > parts[2]["rows"]["small"]
    labels = table.label("source")
    assert sorted(labels[pick] for pick in chosen.picks[:30]) == ["large"] * 10 + ["middle"] * 10 + ["small"] * 10
    assert len(set(chosen.picks)) == 90


def test_what_a_small_source_cannot_give_the_others_give() -> None:
    chosen = Temperature([1e9]).choose(units(), 600, 4)
    assert chosen.facts["parts"][0]["rows"] == {"large": 400, "middle": 150, "small": 50}


@pytest.mark.parametrize("tau", [1.0, 2.0, 5.0, 100.0])
def test_both_estimators_are_unbiased_on_a_quadratic_and_weights_have_the_larger_variance(tau: float) -> None:
    """Loss (w - x)^2 / 2 for each row x: its gradient at w is w - x. Exact, as a mean over all rows that could be drawn."""
    facts = Temperature([tau]).choose(units(), 100, 0).facts["parts"][0]
    random = np.random.default_rng(5)
    for _ in range(20):
        w = random.normal()
        # Sources at both sides of w, equally far: gradients are equally large in all of them.
        rows = {name: w + random.choice([-1, 1]) * (1 + random.normal(0, 0.02, count)) for name, count in COUNTS.items()}
        gradients = {name: w - values for name, values in rows.items()}
        aim = sum(facts["shares"][name] * gradients[name].mean() for name in COUNTS)
        sampled = np.concatenate([gradients[name] for name in COUNTS])
        chances = np.concatenate([np.full(count, facts["shares"][name] / count) for name, count in COUNTS.items()])
        weighted = np.concatenate([facts["weights"][name] * gradients[name] for name in COUNTS])
        assert chances @ sampled == pytest.approx(aim)
        assert weighted.mean() == pytest.approx(aim)
        of_sampling = float(chances @ (sampled - aim) ** 2)
        of_weights = float(((weighted - aim) ** 2).mean())
        assert of_weights >= of_sampling - 1e-9
        if tau > 1:
            assert of_weights > 1.05 * of_sampling


def test_options_out_of_range_are_refused() -> None:
    for temperatures in ([], [1.0, 0.0]):
        with pytest.raises(SetupError, match="temperatures are"):
            Temperature(temperatures)
