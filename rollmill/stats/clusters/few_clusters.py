"""The mean of a population of which few clusters were seen, by its posterior: what a t interval of so few may be cut to.

    mean of a cluster   m_c ~ Beta(M F, (1 - M) F)     M: the mean over clusters, F: how alike they are
    sum of a cluster    s_c ~ Binomial(n_c, m_c)       as a likelihood also where sums are not whole

Values in [0, 1] vary about their cluster's mean at most as much as single draws do. M has Jeffreys' prior, the correlation
within a cluster, 1 / (1 + F), a flat one; both are summed over on a grid (Gelman et al., Bayesian Data Analysis, 3rd ed.,
section 5.3).
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

FEW = 6
"""Largest number of clusters for this method: with ten, one beta law describes clusters of two kinds badly."""

_CELLS = 100
_ANGLES = np.pi / 2.0 * np.arange(2 * _CELLS + 1) / (2 * _CELLS)
_EDGES: Array = np.sin(_ANGLES[::2]) ** 2  # on this scale Jeffreys' prior is flat
_MEANS: Array = np.sin(_ANGLES[1::2]) ** 2
_ALIKE: Array = np.geomspace(0.3, 100.0, 12)
_PRIOR: Array = _ALIKE / (1.0 + _ALIKE) ** 2  # of a correlation that is flat, on the logarithm of F


def posterior_bounds(totals: Array, sizes: Array, confidence: float) -> tuple[Array, Array]:
    """Lows and highs of the mean, equal tails, by column: `totals` (G, K) sums over clusters of `sizes` (G) values."""
    chances = _posterior(totals, sizes)
    below = np.hstack([np.zeros((len(chances), 1)), chances.cumsum(axis=1)])
    tail = (1.0 - confidence) / 2.0
    ends = np.array([np.interp([tail, 1.0 - tail], row / row[-1], _EDGES) for row in below]).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _posterior(totals: Array, sizes: Array) -> Array:
    """(K, cells): how likely each cell of M is."""
    from scipy.special import gammaln

    logs = np.zeros((len(_ALIKE), totals.shape[1], _CELLS))
    for at, alike in enumerate(_ALIKE):
        a, b = _MEANS * alike, (1.0 - _MEANS) * alike
        whole = gammaln(a) + gammaln(b)
        for total, size in zip(totals, sizes, strict=True):
            sums, place = np.unique(total, return_inverse=True)
            misses = np.maximum(0.0, size - sums)
            parts = gammaln(sums[:, None] + a) + gammaln(misses[:, None] + b) - gammaln(size + alike) + gammaln(alike)
            logs[at] += (parts - whole)[place]
    chances = np.exp(logs - logs.max(axis=(0, 2), keepdims=True))
    return np.asarray(np.einsum("fkm,f->km", chances, _PRIOR), dtype=np.float64)
