"""The benchmark of trials: intervals cover, equal arms look equal, and effects are shown as planned."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.numbers.simulated_trials import SimulatedLearner, cells, shift_of
from benchmarks.numbers.trials import LAWS, WAYS, intervals, lines, looked, pilots, planned
from rollmill.stats import two_way

ROWS = {
    (3, 240, 0.1): (0.845, 0.944, 0.953, 0.061),
    (5, 240, 0.0): (0.947, 0.891, 0.966, 0.028),
    (5, 240, 0.1): (0.859, 0.931, 0.955, 0.037),
    (5, 1000, 0.1): (0.670, 0.935, 0.940, 0.029),
}
"""Coverage over problems, over seeds and both ways, with its half width, in 2,000 repeats."""


@pytest.mark.integration
@pytest.mark.parametrize(("seeds", "problems", "spread"), ROWS)
def test_only_the_two_way_interval_covers_everywhere(seeds: int, problems: int, spread: float) -> None:
    found = intervals(replace(LAWS["normal"], seeds=spread), (seeds, problems, 4), 300, 5)
    over_problems, over_seeds, both, half = ROWS[seeds, problems, spread]
    assert found["problems only"].coverage == pytest.approx(over_problems, abs=0.08)
    assert found["t over seeds"].coverage == pytest.approx(over_seeds, abs=0.05)
    assert found["two-way, t"].coverage == pytest.approx(both, abs=0.035)
    assert found["two-way, t"].half == pytest.approx(half, rel=0.07)


@pytest.mark.parametrize("law", [LAWS["normal"], LAWS["heavy"]])
def test_equal_arms_look_equal(law: SimulatedLearner) -> None:
    found = intervals(law.null(), (5, 240, 4), 400, 3)
    assert 0.01 <= found["two-way, t"].shown <= 0.075
    assert found["problems only"].shown > 0.12


@pytest.mark.integration
def test_a_planned_effect_is_shown_four_times_in_five() -> None:
    effect, shown = planned(LAWS["normal"], (5, 240, 4), 300, 2)
    assert effect == pytest.approx(0.0527, abs=0.002)
    assert 0.72 <= shown <= 0.87


@pytest.mark.integration
def test_a_pilot_of_two_seeds_forecasts_little_and_its_limit_is_safe() -> None:
    plain, cautious = (pilots(LAWS["normal"], 2, 150, 3, limit) for limit in (None, 0.8))
    assert (plain >= 1.0).mean() < 0.5
    assert 0.72 <= (cautious >= 1.0).mean() <= 0.92
    assert np.median(cautious) > 2.0


@pytest.mark.integration
def test_looks_keep_alpha_and_a_normal_boundary_does_not() -> None:
    null = replace(LAWS["normal"], seeds=0.3).null()
    spent, normal = (looked(null, (8, 240, 4), way, 300, 4) for way in ("O'Brien-Fleming", "normal boundary"))
    assert 0.02 <= spent.shown <= 0.085
    assert spent.coverage >= 0.92
    assert normal.shown > spent.shown + 0.04
    assert list(WAYS) == ["O'Brien-Fleming", "Pocock", "8 seeds at once", "normal boundary", ".05 at each look"]


def test_the_simulated_truth_is_the_mean_of_many() -> None:
    law = SimulatedLearner(shift=0.4, heavy=True)
    found = two_way(cells(law.drawn((400, 4000, 4), np.random.default_rng(1))))
    assert found is not None
    assert law.truth == pytest.approx(found.change.value, abs=0.008)
    assert law.null().truth == 0.0
    assert replace(law, shift=shift_of(0.05, law)).truth == pytest.approx(0.05)


def test_a_table_has_its_numbers_rounded() -> None:
    assert lines(["a", "b"], [["x", 0.12345]]) == "| a | b |\n| --- | --- |\n| x | 0.123 |"
