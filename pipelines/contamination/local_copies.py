"""Data copying point by point: training points around which a generator puts far more mass than the data have there.

After Bhattacharjee et al. 2023 (Data-copying in generative models: a formal framework). A ball around a training point is a
copy if its mass under the generator is at least `ratio` times that under held-out data, and the latter at most `most`. The
share of generations inside any such ball is the rate. A global comparison of distances misses copies where the rest of the
generations lies too far out. Balls are chosen on one half of both samples, and the shares are of the other half. The masses
are plain shares, with one more held-out point in each ball; the definition is as we remember the paper.
"""

import math
from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.stats.clusters.intervals import Estimate, clopper_pearson

BLOCK = 256  # training points whose distances are computed together
FEWEST = 5  # generations in a ball
SLACK = 1e-6  # of a distance: equal points are up to 1e-7 apart by rounding, and a ball has all of them


@dataclass(frozen=True, slots=True)
class CopyBounds:
    """Least ratio of a ball's masses, and its largest mass under held-out data."""

    ratio: float = 20.0
    most: float = 0.05

    def __post_init__(self) -> None:
        if self.ratio <= 1 or not 0 < self.most <= 1:
            raise SetupError(
                f"a copy of ratio {self.ratio:g} and mass {self.most:g} is impossible.",
                choices=("a ratio above 1", "a mass above 0 and up to 1"),
            )


@dataclass(frozen=True, slots=True)
class LocalCopies:
    """Result of the test for data copying. `generated`: share of generations inside a copying ball. `held_out`: share of
    held-out points inside one, which is the rate without copying. `radii`: radius of the ball of each training point, NaN
    for a point without one.
    """

    generated: Estimate
    held_out: Estimate
    radii: Floats

    @property
    def copied(self) -> int:
        """Training points that are copied."""
        return int((~np.isnan(self.radii)).sum())


def local_copies(generated: Floats, trained: Floats, held_out: Floats, bounds: CopyBounds, seed: int) -> LocalCopies:
    """Copies of training points, (n, dims) each, of about unit length; SetupError for samples in which none could be found.

    A ball's share of held-out points is at least one in their half and one more: with too few, no ball is sparse enough.
    """
    least = 2 * (math.ceil(max(1 / bounds.most, bounds.ratio)) - 1)
    for name, points, few in (
        ("generated", generated, 2 * FEWEST), ("held-out", held_out, max(least, 2 * FEWEST)), ("training", trained, 1)
    ):  # fmt: skip
        if len(points) < few:
            raise SetupError(f"{len(points):,} {name} points are too few.", choices=(f"at least {few:,}",))
    random = np.random.default_rng(seed)
    drawn, other = (points[random.permutation(len(points))] for points in (generated, held_out))
    half, rest = (len(points) // 2 for points in (drawn, other))
    radii = np.concatenate([
        _radii(trained[at : at + BLOCK], drawn[:half], other[:rest], bounds) for at in range(0, len(trained), BLOCK)
    ])  # fmt: skip
    return LocalCopies(_share(drawn[half:], trained, radii), _share(other[rest:], trained, radii), radii)


def _radii(centres: Floats, drawn: Floats, other: Floats, bounds: CopyBounds) -> Floats:
    """The largest radius of each point whose ball is a copy, among distances to generations."""
    near, far = np.sort(distances(centres, drawn), axis=1), np.sort(distances(centres, other), axis=1)
    mass = np.arange(1, len(drawn) + 1) / len(drawn)
    radii = np.full(len(centres), np.nan)
    for at in range(len(centres)):
        share = (np.searchsorted(far[at], near[at] + SLACK, side="right") + 1) / (len(other) + 1)
        copies = np.flatnonzero((mass >= bounds.ratio * share) & (share <= bounds.most))
        if len(copies) and copies[-1] + 1 >= FEWEST:
            radii[at] = near[at][copies[-1]] + SLACK
    return radii


def _share(points: Floats, trained: Floats, radii: Floats) -> Estimate:
    """Share of points in any ball."""
    balls = np.flatnonzero(~np.isnan(radii))
    inside = np.zeros(len(points), dtype=bool)
    for at in range(0, len(balls), BLOCK):
        part = balls[at : at + BLOCK]
        inside |= (distances(trained[part], points) <= radii[part][:, None]).any(axis=0)
    share = clopper_pearson(int(inside.sum()), len(points), estimand="share of points in a copy's ball")
    assert share is not None
    return share


def distances(first: Floats, second: Floats) -> Floats:
    """Euclidean distances, (first, second)."""
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1) - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0.0)))
