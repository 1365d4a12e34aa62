"""Laws over pilots: exact on their own form, and on regressions by neighbours, which follow none of the forms."""

from functools import partial

import numpy as np
import pytest
from scipy.spatial import cKDTree

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.pilot import (
    MixtureLaw,
    Pilots,
    best_shares,
    between,
    fits_by_size,
    law_result,
    simplex_grid,
)
from rollmill.pipelines.mix.pilots.quadratic import Quadratic
from rollmill.pipelines.mix.pilots.source_power import SourcePower
from rollmill.pipelines.mix.pilots.transport import Geometry, Transport

NAMES = ("a", "b", "c")


def pilots(losses: Floats, shares: Floats, sizes: Floats | None = None) -> Pilots:
    return Pilots(NAMES, shares, losses, np.ones(len(losses)) if sizes is None else sizes)


def test_a_quadratic_form_is_found_and_its_best_shares_proposed() -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 14)
    best = np.array([0.5, 0.3, 0.2])

    def loss(asked: Floats) -> Floats:
        return np.asarray(np.exp(0.1 + ((asked - best) ** 2).sum(axis=1)))

    known = pilots(loss(shares), shares)
    result = law_result(Quadratic(), known)
    assert result.held_out < 1e-6
    asked = np.random.default_rng(1).dirichlet([1, 1, 1], 20)
    assert result.fit.predict(asked, 1.0) == pytest.approx(loss(asked), abs=1e-6)
    assert best_shares(lambda rows: result.fit.predict(rows, 1.0), known) == pytest.approx(best, abs=0.03)


def test_power_laws_of_sources_are_found_at_every_size() -> None:
    rng = np.random.default_rng(0)
    shares, sizes = rng.dirichlet([1, 1, 1], 12), np.repeat([100.0, 300.0], 6)

    def loss(asked: Floats, at: Floats) -> Floats:
        return np.asarray(0.2 + (1 + asked * at[:, None]) ** -0.5 @ np.array([1.0, 0.5, 0.0]))

    fit = SourcePower().fit(pilots(loss(shares, sizes), shares, sizes))
    assert fit.predict(shares, 3000.0) == pytest.approx(loss(shares, np.full(12, 3000.0)), abs=2e-3)


def test_two_sizes_are_continued_by_their_power_law_and_one_size_is_not() -> None:
    shares = np.random.default_rng(0).dirichlet([1, 1, 1], 5)
    two = pilots(np.repeat([0.4, 0.2], 5), np.vstack([shares, shares]), np.repeat([100.0, 200.0], 5))
    fits = fits_by_size(two, lambda _, losses: lambda asked: np.full(len(asked), losses.mean()), 3)
    assert fits.predict(shares, 800.0) == pytest.approx([0.05] * 5)
    one = fits_by_size(two.where(two.sizes == 100), lambda _, losses: lambda asked: np.full(len(asked), losses.mean()), 3)
    assert one.predict(shares, 100.0) == pytest.approx([0.4] * 5)
    with pytest.raises(ValueError, match="size 800 needs pilots of a second size"):
        one.predict(shares, 800.0)


def test_no_shares_are_proposed_outside_of_the_pilots() -> None:
    """A loss that falls towards a corner which no pilot comes near."""
    shares = np.array([[0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.3, 0.3, 0.4], [0.34, 0.33, 0.33]])
    assert between(np.array([[1.0, 0, 0], [0.35, 0.35, 0.3]]), shares).tolist() == [False, True]
    assert best_shares(lambda rows: rows[:, 0] * -1, pilots(np.ones(4), shares)) == pytest.approx([0.4, 0.3, 0.3])
    grid = simplex_grid(3, 66)
    assert (len(grid), len(simplex_grid(2, 66))) == (66, 66)
    assert grid.sum(axis=1) == pytest.approx(np.ones(66))


@pytest.mark.parametrize(
    ("shares", "losses", "words"),
    [
        ([[1.0, 0, 0]] * 2, [1, 1], "2 pilots are too few"),
        ([[0.5, 0.4, 0.3]] * 3, [1, 1, 1], r"the shares are 0\.5, 0\.4, 0\.3"),
        ([[1.0, 0, 0]] * 3, [1, 0, 1], "positive numbers"),
    ],
)
def test_what_is_no_pilot_is_said(shares: list[list[float]], losses: list[float], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        pilots(np.array(losses, dtype=float), np.array(shares))
    with pytest.raises(SetupError, match="4 pilots, which this law needs"):
        Transport(Geometry([np.ones((1, 1))] * 3, np.ones((1, 1)))).fit(pilots(np.ones(3), np.eye(3)))


class World:
    """Three sources in the plane, two of which are of one kind; the loss is the error of a regression by four neighbours
    on points of a blend of them.
    """

    means = np.array([[0.0, 0.0], [0.3, 0.2], [3.0, 0.0]])
    blend = (180, 120, 300)

    def __init__(self) -> None:
        self.target = self.points(np.random.default_rng(99), self.blend)

    def points(self, rng: np.random.Generator, counts: "tuple[int, ...] | list[int]") -> Floats:
        return np.vstack([rng.normal(0, 0.9, (count, 2)) + mean for count, mean in zip(counts, self.means, strict=True)])

    @staticmethod
    def value(points: Floats) -> Floats:
        return np.asarray(np.sin(2 * points[:, 0]) + np.cos(1.5 * points[:, 1]) * points[:, 0] * 0.5)

    def loss(self, shares: Floats, size: int, seed: int, repeats: int = 4) -> float:
        """Mean squared error after training on `size` rows of a mixture."""
        errors = []
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            rows = self.points(rng, np.floor(shares * size + 0.5).astype(int).tolist())
            values = self.value(rows) + rng.normal(0, 0.1, len(rows))
            _, near = cKDTree(rows).query(self.target, k=4)
            errors.append(float(((values[near].mean(axis=1) - self.value(self.target)) ** 2).mean()))
        return float(np.mean(errors))

    def laws(self) -> list[MixtureLaw]:
        sources = [self.points(np.random.default_rng([5, j]), [60 * (k == j) for k in range(3)]) for j in range(3)]
        sample = self.points(np.random.default_rng(98), (18, 12, 30))
        return [Quadratic(), SourcePower(), Transport(Geometry(sources, sample, most=24))]


@pytest.mark.integration
def test_transport_errs_less_than_the_baselines_and_its_shares_lose_less_than_equal_ones() -> None:
    """Ten pilots at 120 and at 240 rows; twenty other mixtures at 240, and the proposed ones at 960 against a grid."""
    world, big = World(), 960
    grid = [world.loss(row, big, 7, 8) for row in simplex_grid(3, 66)]
    equal = world.loss(np.ones(3) / 3, big, 7, 8) - min(grid)
    errors: dict[str, list[float]] = {}
    regrets: dict[str, list[float]] = {}
    for seed in range(3):
        rng = np.random.default_rng(seed)
        shares, asked = np.vstack([rng.dirichlet([1, 1, 1], 10)] * 2), rng.dirichlet([1, 1, 1], 20)
        sizes = np.repeat([120, 240], 10)
        losses = [world.loss(row, size, 100 * seed + at) for at, (row, size) in enumerate(zip(shares, sizes, strict=True))]
        known = pilots(np.array(losses), shares, sizes.astype(float))
        actual = np.array([world.loss(row, 240, 100 * seed + 50 + at) for at, row in enumerate(asked)])
        for law in world.laws():
            fit = law.fit(known)
            errors.setdefault(law.name, []).append(float(np.abs(fit.predict(asked, 240.0) - actual).mean()))
            chosen = best_shares(partial(fit.predict, size=float(big)), known, 66)
            regrets.setdefault(law.name, []).append(world.loss(chosen, big, 7, 8) - min(grid))
    means = {name: (float(np.mean(values)), float(np.mean(regrets[name]))) for name, values in errors.items()}
    print(means, equal)  # noqa: T201
    assert means["transport"][0] < min(means["quadratic"][0], means["source_power"][0])
    assert means["transport"][1] < equal
