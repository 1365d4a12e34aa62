"""Law `source_power`: every source lowers the loss by a power law of its own rows, independently of the others."""

from dataclasses import dataclass

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.pilots.pilot import MixtureFit, Pilots

EXPONENTS = tuple(np.linspace(0.05, 1.5, 30).tolist())


@dataclass(frozen=True, slots=True, eq=False)
class _Sum:
    """floor + sum of a_j (1 + rows_j)^-b. `factors`: floor, then a_j."""

    factors: Floats
    exponent: float

    def predict(self, shares: Floats, size: float) -> Floats:
        return np.asarray(_terms(shares, np.full(len(shares), size), self.exponent) @ self.factors, dtype=np.float64)


class SourcePower:
    """loss = floor + sum over sources of a_j (1 + share_j size)^-b, with floor and a_j at least 0 and one b for all."""

    name, source = "source_power", "power laws of single sources, added up"

    def fit(self, pilots: Pilots) -> MixtureFit:
        """Non-negative least squares at each exponent of a list; the best one is taken. All sizes are fitted together."""
        from scipy.optimize import nnls

        if len(pilots.losses) < len(pilots.sources) + 2:
            raise SetupError(
                f"{len(pilots.losses)} pilots are too few for {len(pilots.sources)} sources.",
                next_command=f"{len(pilots.sources) + 2} pilots or more",
            )
        done = []
        for exponent in EXPONENTS:
            factors, misfit = nnls(_terms(pilots.shares, pilots.sizes, exponent), pilots.losses)
            done.append((float(misfit), exponent, factors))
        _, exponent, factors = min(done, key=lambda part: part[:2])
        return _Sum(np.asarray(factors, dtype=np.float64), exponent)


def _terms(shares: Floats, sizes: Floats, exponent: float) -> Floats:
    return np.column_stack([np.ones(len(shares)), (1.0 + shares * sizes[:, None]) ** -exponent])
