"""Law `quadratic`: the loss as a quadratic function of the shares, fitted at each size."""

from collections.abc import Callable
from itertools import combinations

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.pilot import MixtureFit, Pilots, fits_by_size, ridge


class Quadratic:
    """A linear term for every source, and products of two shares, which are shrunk by leave-one-out error."""

    name, source = "quadratic", "mixture regression by a quadratic form"

    def fit(self, pilots: Pilots) -> MixtureFit:
        """The fit; each used size needs at least one pilot more than there are sources."""
        return fits_by_size(pilots, _fitted, len(pilots.sources) + 1)


def _features(shares: Floats) -> Floats:
    products = [shares[:, one] * shares[:, other] for one, other in combinations(range(shares.shape[1]), 2)]
    return np.column_stack([shares, *products])  # shares add up to 1, so squares and a constant are among these


def _fitted(shares: Floats, losses: Floats) -> Callable[[Floats], Floats]:
    features = _features(shares)
    fitted = ridge(features, losses, range(shares.shape[1], features.shape[1]))
    return lambda asked: np.asarray(_features(asked) @ fitted, dtype=np.float64)
