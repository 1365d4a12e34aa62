"""A scaling law, loss over size, with a fit card that says what it rests on and when not to believe it.

loss(x) = floor + a x^-b with floor >= 0 and a, b > 0 (Hoffmann et al. 2022, arXiv:2203.15556, approach 3, in one variable).
The card has what the checklist of Li et al. 2025 (arXiv:2502.18969) asks for: form, points, weights, loss, optimiser,
starts, interval and held-out error; and the exponent that other choices would have given.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate

Array = npt.NDArray[np.float64]
FORM = "loss(x) = floor + a x^-b"
REACH = 10  # times the largest size that may be predicted
RESAMPLES = 200
_LEAST = 6  # different sizes: three parameters, and a fit without the largest quarter
_SPAN = 10.0  # largest size over smallest
_HELD_OUT = 0.03  # relative error at the largest size below which no fit is refused
_STARTS = tuple(product((0.0, 0.5, 0.9), (0.1, 0.3, 0.7)))  # floor as a share of the least loss, exponent


@dataclass(frozen=True, slots=True, eq=False)
class ScalingFit:
    """The fit card. `refused`: why nothing is predicted, empty if the law fits.

    `floor`, `a`, `b`: parameters, with intervals for floor and b. `misfit`: standard deviation of the relative errors of
    the points. `held_out`: relative error at the largest size of a fit without the largest quarter of the sizes.
    `exponents`: b under other choices.
    """

    floor: float
    a: float
    b: float
    floor_interval: tuple[float, float]
    b_interval: tuple[float, float]
    points: tuple[tuple[float, float], ...]
    misfit: float
    held_out: float
    exponents: dict[str, float]
    refused: tuple[str, ...]
    form: str = FORM
    weights: str = "points weighted alike"
    loss: str = "squared error of log loss"
    optimiser: str = f"scipy least_squares (trust region), the best of {len(_STARTS)} starts"
    starts: str = "floor 0, .5 and .9 of the least loss; b .1, .3 and .7"
    interval: str = f"{RESAMPLES} resamples of the residuals, refitted"
    fits: Array = field(default_factory=lambda: np.zeros((0, 3)), repr=False)

    def predict(self, x: float) -> Estimate:
        """Loss at size x, from the smallest size to ten times the largest; ValueError beyond, or if the fit is refused.

        Interval: quantiles over the refitted resamples, moved out by the misfit, and by the held-out error beyond the
        largest size.
        """
        if self.refused:
            raise ValueError(f"no prediction: {'; '.join(self.refused)}")
        sizes = [size for size, _ in self.points]
        if not min(sizes) <= x <= REACH * max(sizes):
            raise ValueError(f"{x:g} is outside {min(sizes):g} .. {REACH * max(sizes):g}, {REACH} times the largest size")
        value = float(_curve(np.array([math.log(self.a), self.b, self.floor]), np.array([x]))[0])
        tail = (1.0 - CONFIDENCE) / 2.0
        low, high = np.quantile([_curve(fit, np.array([x]))[0] for fit in self.fits], (tail, 1.0 - tail)).tolist()
        slack = 2.0 * self.misfit + (self.held_out if x > max(sizes) else 0.0)
        ends = min(low, value) * (1.0 - slack), max(high, value) * (1.0 + slack)
        count = len(self.points)
        return Estimate(value, max(0.0, ends[0]), ends[1], count, count, self.interval, f"loss at {x:g} if the law holds")


def fit_scaling(points: Sequence[tuple[float, float]], *, seed: int = 0) -> ScalingFit:
    """Fit the law to (size, loss) pairs, all positive, and say whether it may be believed.

    Refused are: fewer than six sizes; a largest size less than ten times the smallest; loss that does not fall; a fit
    without the largest quarter of the sizes that errs at the largest one by more than 3% and more than three standard
    deviations of the points.
    """
    ordered = sorted((float(size), float(loss)) for size, loss in points)
    if not ordered or not all(0.0 < value < math.inf for pair in ordered for value in pair):
        raise ValueError("sizes and losses are positive numbers")
    x, y = np.array(ordered).T
    sizes = sorted(set(x.tolist()))
    refused = []
    if len(sizes) < _LEAST:
        refused.append(f"{len(sizes)} different sizes; {_LEAST} are needed")
    if sizes[-1] < _SPAN * sizes[0]:
        refused.append(f"the largest size is {sizes[-1] / sizes[0]:.3g} times the smallest; {_SPAN:g} times are needed")
    if np.polyfit(np.log(x), np.log(y), 1)[0] >= 0.0 if len(sizes) > 1 else True:
        refused.append("loss does not fall with size")
    if refused:
        nan, pair = math.nan, (math.nan, math.nan)
        return ScalingFit(nan, nan, nan, pair, pair, tuple(ordered), nan, nan, {}, tuple(refused))
    best = _fit(x, y)
    residuals = np.log(y) - np.log(_curve(best, x))
    misfit = float(np.sqrt((residuals**2).sum() / max(1, len(x) - 3)))
    early = x <= sizes[int(0.75 * len(sizes)) - 1]
    held_out = float(abs(_curve(_fit(x[early], y[early]), x[-1:])[0] / y[x == x[-1]].mean() - 1.0))
    if held_out > max(_HELD_OUT, 3.0 * misfit):
        refused.append(f"fitted up to {x[early].max():g} it errs by {held_out:.1%} at {x[-1]:g}")
    fits = _resampled(best, x, residuals, np.random.default_rng(seed))
    ends = np.quantile(fits, (0.025, 0.975), axis=0)
    return ScalingFit(
        floor=float(best[2]),
        a=math.exp(best[0]),
        b=float(best[1]),
        floor_interval=(float(ends[0, 2]), float(ends[1, 2])),
        b_interval=(float(ends[0, 1]), float(ends[1, 1])),
        points=tuple(ordered),
        misfit=misfit,
        held_out=held_out,
        exponents=_sensitivity(x, y),
        refused=tuple(refused),
        fits=fits,
    )


def _resampled(best: Array, x: Array, residuals: Array, rng: np.random.Generator) -> Array:
    """(resamples, 3): fits to the curve with residuals drawn with replacement, widened for the fitted parameters."""
    wider = residuals * math.sqrt(len(x) / max(1, len(x) - 3))
    curve = np.log(_curve(best, x))
    drawn = (np.exp(curve + rng.choice(wider, len(x))) for _ in range(RESAMPLES))
    return np.array([_fit(x, y, starts=[best]) for y in drawn])


def _sensitivity(x: Array, y: Array) -> dict[str, float]:
    """The exponent under other choices of form, loss, and points."""
    half = len(x) // 2
    return {
        "no floor": float(-np.polyfit(np.log(x), np.log(y), 1)[0]),
        "Huber loss (.001)": float(_fit(x, y, huber=True)[1]),
        "squared error of loss": float(_fit(x, y, absolute=True)[1]),
        "without the smallest quarter": float(_fit(x[half // 2 :], y[half // 2 :])[1]),
    }


def _curve(fit: Array, x: Array) -> Array:
    return np.asarray(fit[2] + np.exp(np.minimum(fit[0] - fit[1] * np.log(x), 500.0)), dtype=np.float64)


def _fit(
    x: Array, y: Array, *, starts: Sequence[Array] | None = None, huber: bool = False, absolute: bool = False
) -> Array:
    """(log a, b, floor) of the best start."""
    from scipy.optimize import least_squares

    def errors(fit: Array) -> Array:
        curve = _curve(fit, x)
        return (curve - y) / y.mean() if absolute else np.log(curve) - np.log(y)

    given = starts or [
        np.array([math.log(max(1e-9, y[0] - share * y.min())) + b * math.log(x[0]), b, share * y.min()])
        for share, b in _STARTS
    ]
    bounds = ([-np.inf, 1e-6, 0.0], [np.inf, 5.0, np.inf])
    options = {"loss": "huber", "f_scale": 1e-3} if huber else {}
    scale = np.array([1.0, 0.1, float(y.min())])
    done = [
        least_squares(
            errors, np.clip(start, [-np.inf, 1e-6, 0.0], [np.inf, 4.9, np.inf]), bounds=bounds, x_scale=scale, **options
        )
        for start in given
    ]
    return np.asarray(min(done, key=lambda result: float(result.cost)).x, dtype=np.float64)
