"""Logistic regression on standardised inputs: a probe of hidden states, and the classifier of a filter."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
STEPS = 60  # of Newton's method, at most


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A logistic head on standardised states."""

    mean: Floats
    scale: Floats
    weights: Floats

    def __call__(self, states: Floats) -> Floats:
        """Probabilities of states (n, width)."""
        scores = _with_one((states - self.mean) / self.scale) @ self.weights
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))


def trained_head(states: Floats, targets: Floats, ridge: float) -> LinearHead:
    """The head of least cross-entropy to targets from 0 to 1, with a ridge on its weights; Newton's method."""
    mean, scale = states.mean(axis=0), states.std(axis=0) + 1e-9
    x = _with_one((states - mean) / scale)
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - targets) + penalty * weights
        hessian = (x * (p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return LinearHead(mean, scale, weights)


def _with_one(values: Floats) -> Floats:
    return np.hstack([np.ones((len(values), 1)), values])
