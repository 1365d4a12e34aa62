"""Local copies in half moons: planted rates are found, and a global comparison of distances is silent."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.contamination.local_copies import CopyBounds, distances, local_copies

COPIED = 4  # training points


def moons(random: np.random.Generator, count: int, noise: float = 0.1) -> Floats:
    angle, upper = random.uniform(0, np.pi, count), random.random(count) < 0.5
    x = np.where(upper, np.cos(angle), 1 - np.cos(angle))
    y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], axis=1) + random.normal(0, noise, (count, 2))


def samples(rate: float, seed: int, noise: float = 0.1) -> tuple[Floats, Floats, Floats]:
    """Generations, training points and held-out points; so many generations are copies of four training points."""
    random = np.random.default_rng(seed)
    trained, held_out = moons(random, 300), moons(random, 4_000)
    generated = moons(random, 4_000, noise)
    copies = random.random(4_000) < rate
    generated[copies] = trained[random.integers(0, COPIED, copies.sum())] + random.normal(0, 0.001, (copies.sum(), 2))
    return generated, trained, held_out


@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_a_planted_rate_is_inside_the_interval_and_the_copied_points_are_named(rate: float) -> None:
    covered = 0
    for seed in range(6):
        copies = local_copies(*samples(rate, seed), CopyBounds(), seed)
        # A ball grows to twenty times the data's mass, so a twentieth of a copy's mass may be no copy.
        covered += copies.generated.low <= 1.05 * rate + 0.005 and rate <= copies.generated.high
        assert not np.isnan(copies.radii[:COPIED]).any()
        assert copies.held_out.value < 0.05
    assert covered >= 5


def test_without_copies_hardly_anything_is_called_one() -> None:
    shares = [local_copies(*samples(0.0, seed), CopyBounds(), seed).generated.value for seed in range(5)]
    assert max(shares) < 0.02


def test_a_global_comparison_is_silent_where_the_other_generations_lie_too_far_out() -> None:
    for seed in range(3):
        generated, trained, held_out = samples(0.2, seed, noise=0.2)
        nearest = [distances(points, trained).min(axis=1) for points in (generated, held_out)]
        assert mannwhitneyu(*nearest, alternative="less").pvalue > 0.5
        assert local_copies(generated, trained, held_out, CopyBounds(), seed).generated.low > 0.15


def test_bounds_and_samples_that_say_nothing_are_refused() -> None:
    with pytest.raises(SetupError, match="a copy of ratio 1"):
        CopyBounds(ratio=1.0)
    with pytest.raises(SetupError, match="2 generated points are too few"):
        local_copies(np.zeros((2, 2)), np.zeros((5, 2)), np.zeros((9, 2)), CopyBounds(), 0)
    with pytest.raises(SetupError, match=r"37 held-out points are too few\. Valid: at least 38\."):
        local_copies(np.zeros((20, 2)), np.zeros((5, 2)), np.zeros((37, 2)), CopyBounds(), 0)
    with pytest.raises(SetupError, match="0 training points are too few"):
        local_copies(np.zeros((20, 2)), np.zeros((0, 2)), np.zeros((40, 2)), CopyBounds(), 0)


def test_every_exact_copy_lies_in_its_ball() -> None:
    """Distances of equal points are not quite 0 by rounding."""
    for seed in range(5):
        points = np.random.default_rng(seed).normal(size=(4, 255))
        points /= np.sqrt((points**2).sum(axis=1, keepdims=True))
        generated, held_out = points[np.repeat([0, 1, 2, 3], [100, 100, 100, 201])], points[np.repeat([3], 401)]
        copies = local_copies(generated, points[:3], held_out, CopyBounds(), seed)
        reported = np.random.default_rng(seed).permutation(501)[250:]
        assert copies.copied == 3
        assert copies.generated.value == pytest.approx((reported < 300).mean())
        assert copies.held_out.value == 0
