"""Law `transport`: the loss as a function of the optimal transport distance from the mixture to the target.

After Kang et al. 2023 (Performance Scaling via Optimal Transport, projektor, arXiv:2307.02460). Stage 1: at one size the
loss of a mixture is a function of its distance to the target data and of the shares; stage 2 continues two sizes on a line
(`SizeFits`). Only samples of the sources are needed, no labels and no training at the proposed shares.

Measured with regressions by neighbours, two of three sources of one kind, 3 sets of 20 pilots: mean error at 20 other
mixtures .036 (quadratic .039, power laws of sources .041); regret of the chosen one at four times the rows .005 (.005,
.006), of equal shares .009. Where no source can stand for another, power laws of sources regret less.
"""

from collections.abc import Callable, Sequence

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.pilot import MixtureFit, Pilots, fits_by_size, ridge

MOST_POINTS = 48  # points of a source, and of the target


class Geometry:
    """Points of the sources and of the target, and distances of mixtures to the target.

    `sources`: vectors (points, dimensions) of each; `target`: the same of the data that the loss is measured on. Of more
    than `most` points a seeded sample is taken. The cost of transport is the Euclidean distance.
    """

    def __init__(self, sources: Sequence[Floats], target: Floats, seed: int = 0, most: int = MOST_POINTS) -> None:
        from scipy.spatial.distance import cdist

        if any(not len(points) for points in (*sources, target)):
            raise SetupError("a source or the target has no rows.", next_command="versions with kept rows")
        rng = np.random.default_rng(seed)
        taken = [points[np.sort(rng.permutation(len(points))[:most])] for points in (*sources, target)]
        self.counts = [len(points) for points in taken[:-1]]
        self.target = len(taken[-1])
        self.cost = np.asarray(cdist(np.vstack(taken[:-1]), taken[-1]), dtype=np.float64)
        self._known: dict[bytes, float] = {}

    def distances(self, shares: Floats) -> Floats:
        """(n,): the least cost of moving each mixture (n, sources) onto the target."""
        return np.array([self._distance(row) for row in shares])

    def _distance(self, shares: Floats) -> float:
        key = np.round(shares, 9).tobytes()
        if key not in self._known:
            mass = np.concatenate([np.full(count, share / count) for share, count in zip(shares, self.counts, strict=True)])
            self._known[key] = transport_cost(self.cost, mass, np.full(self.target, 1.0 / self.target))
        return self._known[key]


def transport_cost(cost: Floats, mass: Floats, target: Floats) -> float:
    """Cost of the optimal plan from `mass` (n,) to `target` (m,), each of sum 1, at costs (n, m): a linear programme."""
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron, vstack

    used = mass > 1e-12
    mass, cost = mass[used] / mass[used].sum(), cost[used]
    rows, columns = cost.shape
    out = kron(eye_array(rows), np.ones((1, columns)), format="csr")
    into = kron(np.ones((1, rows)), eye_array(columns), format="csr")
    done = linprog(cost.ravel(), A_eq=vstack([out, into]), b_eq=np.concatenate([mass, target]), method="highs")
    if done.status != 0:
        raise RuntimeError(f"optimal transport: {done.message}")
    return float(done.fun)


class Transport:
    """loss = c + b d, with d the distance; c and b may differ by source as far as leave-one-out error says so."""

    name, source = "transport", "projektor, arXiv:2307.02460"

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def fit(self, pilots: Pilots) -> MixtureFit:
        """Fitted where a size has four pilots or more."""
        return fits_by_size(pilots, self._fitted, 4)

    def _fitted(self, shares: Floats, losses: Floats) -> Callable[[Floats], Floats]:
        features = self._features(shares)
        fitted = ridge(features, losses, range(2, features.shape[1]))
        return lambda asked: np.asarray(self._features(asked) @ fitted, dtype=np.float64)

    def _features(self, shares: Floats) -> Floats:
        """A constant, d, and of each source its share above the mean share, alone and times d."""
        distance = self.geometry.distances(shares)[:, None]
        above = shares - 1.0 / shares.shape[1]
        return np.hstack([np.ones_like(distance), distance, above, above * distance])
