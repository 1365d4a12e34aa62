"""Fit cards of scaling laws on data from a known law, and data on which nothing may be predicted."""

import numpy as np
import pytest

from rollmill.stats import fit_scaling

FLOOR, A, B = 1.7, 400.0, 0.34


def measured(seed: int, noise: float = 0.003, sizes: int = 14) -> list[tuple[float, float]]:
    """Losses of models of 10^5 to 10^8 parameters."""
    generator = np.random.default_rng(seed)
    x = np.logspace(5, 8, sizes)
    return list(zip(x.tolist(), ((FLOOR + A * x**-B) * np.exp(generator.normal(0, noise, sizes))).tolist(), strict=True))


@pytest.mark.integration
def test_exponents_and_predictions_of_a_known_law_are_covered() -> None:
    covered, ahead, spread = [], [], []
    for seed in range(6):
        card = fit_scaling(measured(seed), seed=seed)
        covered.append(card.b_interval[0] <= B <= card.b_interval[1])
        assert card.refused == ()
        estimate = card.predict(1e9)
        ahead.append(estimate.low <= FLOOR + A * 1e9**-B <= estimate.high)
        choices = [card.b, *(value for name, value in card.exponents.items() if name != "no floor")]
        spread.append(min(choices) <= B <= max(choices) or abs(card.b - B) < 0.02)
    assert sum(covered) >= 5
    assert sum(ahead) >= 5
    assert sum(spread) >= 4


def test_the_card_has_what_the_fit_rests_on() -> None:
    card = fit_scaling(measured(1))
    assert len(card.points) == 14
    assert all((card.form, card.weights, card.loss, card.optimiser, card.starts, card.interval))
    assert 0 < card.misfit < 0.01
    assert 0 < card.held_out < 0.03
    assert set(card.exponents) == {
        "no floor",
        "Huber loss (.001)",
        "squared error of loss",
        "without the smallest quarter",
    }
    assert card.exponents["no floor"] < 0.2  # a line through the logarithms takes the floor for a smaller exponent


def test_nothing_is_predicted_far_beyond_the_largest_size() -> None:
    card = fit_scaling(measured(2))
    with pytest.raises(ValueError, match=r"outside 100000 \.\. 1e\+09, 10 times the largest size"):
        card.predict(1.1e9)
    with pytest.raises(ValueError, match="outside"):
        card.predict(10)


def test_a_law_that_breaks_is_refused_by_its_held_out_error() -> None:
    """From 10^7 on the loss stays where it is."""
    points = [(x, max(y, FLOOR + A * 1e6**-B)) for x, y in measured(3, noise=0.001)]
    points[-1] = (points[-1][0], points[-1][1] * 0.8)
    card = fit_scaling(points)
    assert any("it errs by" in reason for reason in card.refused)
    with pytest.raises(ValueError, match="no prediction: fitted up to"):
        card.predict(1e8)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (measured(1)[:5], "5 different sizes; 6 are needed"),
        ([(100 + place, 3 - place / 10) for place in range(8)], "the largest size is 1.07 times the smallest"),
        ([(10.0**place, 1 + place / 10) for place in range(8)], "loss does not fall with size"),
    ],
)
def test_points_that_carry_no_law_are_refused(points: list[tuple[float, float]], reason: str) -> None:
    assert any(reason in refused for refused in fit_scaling(points).refused)


def test_losses_that_are_not_positive_are_no_losses() -> None:
    with pytest.raises(ValueError, match="positive numbers"):
        fit_scaling([(1.0, 0.0)])
