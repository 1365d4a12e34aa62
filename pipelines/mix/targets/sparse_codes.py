"""A small sparse autoencoder in NumPy, which codes the activations of a layer by few units of a larger dictionary.

Top-k autoencoder (Makhzani & Frey 2014; Gao et al. 2024): of the encoder's units the k largest positive ones stay, and the
decoder's rows of length 1 add up to the activation. Trained by Adam from a dictionary of random activations.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.pool import Floats

Singles = npt.NDArray[np.floating[Any]]
BATCH = 512  # activations of a step
RATE = 2e-3
DECAYS = (0.9, 0.999)
EPSILON = np.float32(1e-8)
TINY = np.float32(1e-6)


@dataclass(frozen=True, slots=True)
class SparseCodes:
    """Dictionary: `centre` (width,), `scale` of activations, `encoder` (width, units), `bias` (units,), `decoder` (units,
    width). `active`: largest number of nonzero units in a code.
    """

    centre: Singles
    scale: float
    encoder: Singles
    bias: Singles
    decoder: Singles
    active: int

    @classmethod
    def fit(cls, activations: Singles, units: int, active: int, steps: int, seed: int) -> "SparseCodes":
        """Train on activations (n, width)."""
        random = np.random.default_rng(seed)
        centre = activations.mean(axis=0)
        scale = float(np.sqrt(((activations - centre) ** 2).sum(axis=1).mean())) or 1.0
        points = (activations - centre) / np.float32(scale)
        decoder = _unit(points[random.integers(0, len(points), units)] + random.normal(0, 0.01, (units, points.shape[1])))
        values = {"encoder": decoder.T.copy(), "bias": np.zeros(units, dtype=np.float32), "decoder": decoder}
        moments = {name: (np.zeros_like(value), np.zeros_like(value)) for name, value in values.items()}
        for step in range(1, steps + 1):
            batch = points[random.integers(0, len(points), BATCH)]
            for name, gradient in _gradients(values, batch, active).items():
                _adam(values[name], gradient, moments[name], step)
            values["decoder"] = _unit(values["decoder"])
        return cls(centre, scale, values["encoder"], values["bias"], values["decoder"], active)

    def codes(self, activations: Singles) -> Singles:
        """Codes from 0 on, (n, units), at most `active` of each above 0."""
        points: Singles = (activations - self.centre) / np.float32(self.scale)
        return _largest(points @ self.encoder + self.bias, self.active)

    def explained(self, activations: Singles) -> float:
        """Share of the activations' variance that the codes explain."""
        points = (activations - self.centre) / np.float32(self.scale)
        rest = points - self.codes(activations) @ self.decoder
        return float(1 - (rest**2).sum() / (points**2).sum())


def _gradients(values: dict[str, Singles], batch: Singles, active: int) -> dict[str, Singles]:
    """Gradients of the mean squared error of a batch."""
    codes = _largest(batch @ values["encoder"] + values["bias"], active)
    error = (codes @ values["decoder"] - batch) * np.float32(2 / len(batch))
    by_codes = (error @ values["decoder"].T) * (codes > 0)
    return {"encoder": batch.T @ by_codes, "bias": by_codes.sum(axis=0), "decoder": codes.T @ error}


def _adam(value: Singles, gradient: Singles, moments: tuple[Singles, Singles], step: int) -> None:
    first, second = moments
    first *= np.float32(DECAYS[0])
    first += np.float32(1 - DECAYS[0]) * gradient
    second *= np.float32(DECAYS[1])
    second += np.float32(1 - DECAYS[1]) * gradient**2
    rate = RATE * (1 - DECAYS[1] ** step) ** 0.5 / (1 - DECAYS[0] ** step)
    value -= np.float32(rate) * first / (np.sqrt(second) + EPSILON)


def _largest(scores: Singles, active: int) -> Singles:
    """The largest positive scores of each row; others 0."""
    positive = np.maximum(scores, 0)
    if active >= scores.shape[1]:
        return positive
    cut = np.partition(positive, -active, axis=1)[:, -active, None]
    return np.where(positive >= cut, positive, np.float32(0))


def _unit(rows: Floats | Singles) -> Singles:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, TINY), dtype=np.float32)
