"""A Gaussian process over subsets: kernel s exp(-sum of w_k over the items in which two subsets differ).

The weights w_k (a Hamming kernel with relevances), s and the noise of a pull maximise the posterior density: marginal
likelihood (Rasmussen & Williams 2006, eq. 5.8) times normal priors of their logarithms. A weight near 0 says that an item
does not matter.
"""

from dataclasses import dataclass

import numpy as np

from rollmill_mixing.allocators.lists.demonstrations import Doubles

PRIOR_MEANS = (0.0, -1.5, -3.0)
"""Prior means of the logarithms of s, a weight and the noise; values are standardised."""
PRIOR_SPREADS = (1.0, 1.5, 2.0)
JITTER = 1e-6
LARGEST = 6.0  # logarithm: a line search may try any


@dataclass(frozen=True, slots=True)
class HammingProcess:
    """A fitted process. `weights`: relevance of each item."""

    points: Doubles
    weights: Doubles
    scale: float
    centre: float
    spread: float
    factor: Doubles
    solved: Doubles

    @classmethod
    def fit(cls, points: Doubles, values: Doubles, pulls: Doubles) -> "HammingProcess":
        """The process of these means over so many pulls. Shapes: (subsets, items), (subsets,), (subsets,)."""
        from scipy.optimize import minimize

        centre, spread = float(values.mean()), float(values.std()) or 1.0
        target = (values - centre) / spread
        apart = np.abs(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1)
        start = _prior(points.shape[1], PRIOR_MEANS)
        best = minimize(_loss, start, args=(apart, target, pulls), jac=True, method="BFGS", options={"maxiter": 60})
        scale, *others, noise = np.exp(np.clip(best.x, -LARGEST, LARGEST)).tolist()
        weights = np.array(others)
        covariance = scale * np.exp(-np.einsum("k,kij->ij", weights, apart)) + np.diag(noise / pulls + JITTER)
        factor: Doubles = np.linalg.cholesky(covariance).astype(np.float64)
        return cls(points, weights, scale, centre, spread, factor, _solve(factor, target))

    def predict(self, points: Doubles) -> tuple[Doubles, Doubles]:
        """Posterior mean and standard deviation of the value of subsets."""
        from scipy.linalg import solve_triangular

        weighted = points * self.weights
        apart = weighted.sum(axis=1)[:, None] + (self.points * self.weights).sum(axis=1)[None, :]
        kernel = self.scale * np.exp(-(apart - 2.0 * weighted @ self.points.T))
        inner = solve_triangular(self.factor, kernel.T, lower=True)
        variance = np.maximum(self.scale - (inner**2).sum(axis=0), 0.0)
        return self.centre + self.spread * (kernel @ self.solved), self.spread * np.sqrt(variance)


def _prior(items: int, values: tuple[float, float, float]) -> Doubles:
    return np.array([values[0], *[values[1]] * items, values[2]])


def _solve(factor: Doubles, target: Doubles) -> Doubles:
    from scipy.linalg import cho_solve

    return np.asarray(cho_solve((factor, True), target))


def _loss(logs: Doubles, apart: Doubles, target: Doubles, pulls: Doubles) -> tuple[float, Doubles]:
    """Negative log density of the logarithms, without constants, and its gradient."""
    items, count = len(apart), len(target)
    held = np.exp(np.clip(logs, -LARGEST, LARGEST))
    scale, weights, noise = held[0], held[1:-1], held[-1]
    kernel = scale * np.exp(-np.einsum("k,kij->ij", weights, apart))
    factor = np.linalg.cholesky(kernel + np.diag(noise / pulls + JITTER))
    inverse = _solve(factor, np.eye(count))
    solved = inverse @ target
    middle, spreads = _prior(items, PRIOR_MEANS), _prior(items, PRIOR_SPREADS)
    away = (logs - middle) / spreads
    loss = 0.5 * target @ solved + np.log(np.diag(factor)).sum() + 0.5 * away @ away
    slope = 0.5 * (inverse - np.outer(solved, solved))
    of_weights = -weights * np.einsum("kij,ij->k", apart, slope * kernel)
    of_noise = float((np.diag(slope) * noise / pulls).sum())
    return float(loss), np.array([float((slope * kernel).sum()), *of_weights, of_noise]) + away / spreads
