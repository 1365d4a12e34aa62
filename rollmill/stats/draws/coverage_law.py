"""The coverage curve pass@1 .. pass@K as an exponentiated power law, with a fit card that says when not to believe it.

coverage(k) = exp(a k^b) with a, b < 0 (Brown et al. 2024, arXiv:2407.21787, section 3.1). The law describes many curves and
follows from nothing: a set that holds problems of pass rate 0 has a ceiling below 1, which the law has not. So a fit comes
with everything it depends on (the checklist of Li et al. 2025, arXiv:2502.18969), with what other choices would have given,
and with the reasons, if any, for which it predicts nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.cluster_table import ClusterTable
from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate

Array = npt.NDArray[np.float64]
FORM = "coverage(k) = exp(a k^b)"
_MISFIT = 0.01  # distance of a point from the curve below which no fit is refused
_LEAST = 4  # points strictly between 0 and 1
_STEPS = 40
_REACH = 16  # times the largest k that may be predicted


@dataclass(frozen=True, slots=True, eq=False)
class CoverageFit:
    """The fit card. `refused`: why nothing is predicted, empty if the law fits.

    `points`: (k, coverage) that were fitted, weighted alike. `exponents`: b under other choices (weights, loss, points).
    `misfit`: the largest distance of a point from the curve. `held_out`: what a fit to smaller k errs by at the largest.
    """

    a: float
    b: float
    a_interval: tuple[float, float]
    b_interval: tuple[float, float]
    points: tuple[tuple[int, float], ...]
    misfit: float
    held_out: float
    exponents: dict[str, float]
    problems: int
    clusters: int
    resamples: int
    refused: tuple[str, ...]
    form: str = FORM
    loss: str = "squared error of coverage, points weighted alike"
    optimiser: str = f"{_STEPS} damped Gauss-Newton steps from the line through log(-log coverage)"
    fits: Array = field(default_factory=lambda: np.zeros((0, 2)), repr=False)

    def predict(self, k: int) -> Estimate:
        """Coverage at k, up to 16 times the largest k that was seen; ValueError if the fit is refused.

        Interval: quantiles over resampled clusters, each refitted, moved out by what the curve misses its own points by and
        errs by at the held-out one.
        """
        if self.refused:
            raise ValueError(f"no prediction: {'; '.join(self.refused)}")
        most = self.points[-1][0]
        if not 1 <= k <= _REACH * most:
            raise ValueError(f"k = {k} is outside 1 .. {_REACH * most}, {_REACH} times the largest k of the curve")
        tail = (1.0 - CONFIDENCE) / 2.0
        low, high = (float(end) for end in np.quantile(_curve(self.fits, [k])[:, 0], (tail, 1.0 - tail)))
        slack = max(self.misfit, self.held_out if k > most else 0.0)
        value = float(_curve(np.array([[math.log(-self.a), self.b]]), [k])[0, 0])
        what = f"coverage at k = {k} if the law holds: {self.form}"
        low, high = max(0.0, min(low, value) - slack), min(1.0, max(high, value) + slack)
        return Estimate(value, low, high, self.problems, self.clusters, "resampled clusters, refitted", what)


def fit_coverage(table: ClusterTable, ks: Sequence[int], *, resamples: int = 500, seed: int = 0) -> CoverageFit:
    """Fit the law to a table of pass@k (its columns, ascending ks) and say whether it may be believed.

    Refused are: fewer than four points strictly between 0 and 1; coverage that does not rise; a curve that misses a point
    by more than .01 and leaves the band of the curve there; a fit to the lower three quarters of the points (by log k) that
    misses the last one by more than .02 and by more than the band's half width there.
    """
    means = table.means()
    rows = np.flatnonzero((means > 0.0) & (means < 1.0))
    if len(rows) < _LEAST or means[rows[-1]] <= means[rows[0]]:
        return _not_fitted(table, [(k, float(c)) for k, c in zip(ks, means, strict=True)])
    kept = np.asarray(ks)[rows]
    theta = _fit(means[None, rows], kept)
    misses = np.abs(_curve(theta, kept)[0] - means[rows])
    lows, highs = (ends[rows] for ends in table.band(resamples, seed=seed))
    early = max(_LEAST - 1, int((np.log(kept) <= math.log(kept[0]) + 0.75 * math.log(kept[-1] / kept[0])).sum()))
    ahead = _fit(means[None, rows[:early]], kept[:early])
    held_out = abs(float(_curve(ahead, kept[-1:])[0, 0] - means[rows[-1]]))
    draws = np.clip(table.resampled(resamples, seed)[:, rows], 1e-12, 1.0 - 1e-12)
    fits = _fit(draws, kept)
    ends = np.quantile(fits, (0.025, 0.975), axis=0)
    outside = (misses > _MISFIT) & ((_curve(theta, kept)[0] < lows) | (_curve(theta, kept)[0] > highs))
    refused = [
        f"the curve misses the point at k = {k} by {m:.3f}" for k, m in zip(kept[outside], misses[outside], strict=True)
    ]
    if held_out > max(2 * _MISFIT, float(highs[-1] - lows[-1]) / 2.0):
        refused.append(f"fitted below k = {kept[early - 1]} it errs by {held_out:.3f} at k = {kept[-1]}")
    if theta[0, 1] >= 0.0:
        refused.append("coverage does not rise")
    alpha, b = theta[0].tolist()
    return CoverageFit(
        a=-math.exp(alpha),
        b=b,
        a_interval=(-math.exp(float(ends[1, 0])), -math.exp(float(ends[0, 0]))),
        b_interval=(float(ends[0, 1]), float(ends[1, 1])),
        points=tuple(zip(kept.tolist(), means[rows].tolist(), strict=True)),
        misfit=float(misses.max()),
        held_out=held_out,
        exponents=_sensitivity(means[rows], kept),
        problems=table.problems,
        clusters=table.clusters,
        resamples=resamples,
        refused=tuple(refused[:3]),
        fits=fits,
    )


def _not_fitted(table: ClusterTable, points: list[tuple[int, float]]) -> CoverageFit:
    why = (f"fewer than {_LEAST} points of rising coverage strictly between 0 and 1",)
    nan, pair = math.nan, (math.nan, math.nan)
    return CoverageFit(nan, nan, pair, pair, tuple(points), nan, nan, {}, table.problems, table.clusters, 0, why)


def _sensitivity(coverage: Array, ks: npt.NDArray[np.int64]) -> dict[str, float]:
    """The exponent under other choices of loss, weights and points."""
    half = max(_LEAST - 1, len(ks) // 2)
    return {
        "line through log(-log coverage)": float(_line(coverage[None], ks)[0, 1]),
        "weights 1 / (c (1 - c))": float(_fit(coverage[None], ks, 1.0 / (coverage * (1.0 - coverage)))[0, 1]),
        "smaller half of k": float(_fit(coverage[None, :half], ks[:half])[0, 1]),
        "larger half of k": float(_fit(coverage[None, -half:], ks[-half:])[0, 1]),
    }


def _curve(theta: Array, ks: npt.ArrayLike) -> Array:
    """(R, K): coverage under each (log(-a), b)."""
    exponent = theta[:, :1] + theta[:, 1:] * np.log(np.asarray(ks, dtype=np.float64))
    return np.asarray(np.exp(-np.exp(np.minimum(exponent, 50.0))), dtype=np.float64)


def _line(coverage: Array, ks: npt.ArrayLike) -> Array:
    """(R, 2): log(-a) and b of the straight line through log(-log coverage) over log k."""
    x = np.log(np.asarray(ks, dtype=np.float64))
    y = np.log(-np.log(coverage))
    slope = (y - y.mean(axis=1, keepdims=True)) @ (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return np.stack([y.mean(axis=1) - slope * x.mean(), slope], axis=1)


def _fit(coverage: Array, ks: npt.ArrayLike, weights: Array | None = None) -> Array:
    """(R, 2): least squares of R curves together; a step that makes a curve's fit worse is shortened."""
    x = np.log(np.asarray(ks, dtype=np.float64))
    w = np.ones(len(x)) if weights is None else weights
    theta = _line(coverage, ks)
    damping = np.full(len(theta), 1e-3)
    loss = (w * (coverage - _curve(theta, ks)) ** 2).sum(axis=1)
    for _ in range(_STEPS):
        fitted = _curve(theta, ks)
        slope = fitted * np.log(np.maximum(fitted, 1e-300))
        gap = coverage - fitted
        g0, g1 = (w * slope * gap).sum(axis=1), (w * slope * x * gap).sum(axis=1)
        h00, h01, h11 = ((w * slope**2 * x**power).sum(axis=1) for power in (0, 1, 2))
        h00, h11 = h00 * (1.0 + damping) + 1e-300, h11 * (1.0 + damping) + 1e-300
        det = h00 * h11 - h01**2
        step = np.stack([h11 * g0 - h01 * g1, h00 * g1 - h01 * g0], axis=1) / np.where(det > 0.0, det, np.inf)[:, None]
        tried = theta + step
        after = (w * (coverage - _curve(tried, ks)) ** 2).sum(axis=1)
        better = after <= loss
        theta, loss = np.where(better[:, None], tried, theta), np.where(better, after, loss)
        damping = np.where(better, damping / 4.0, damping * 8.0)
    return theta
