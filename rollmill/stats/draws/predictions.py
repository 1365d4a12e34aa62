"""Predictive distributions in five numbers, and how good a prediction was once the actual value is known.

The interval score (Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102, eq. 43) rewards narrow intervals and fines misses:

    (high - low) + 2/alpha (low - x) if x < low, + 2/alpha (x - high) if x > high

It is proper: stating other intervals than the believed ones never helps. Its unit is that of x; smaller is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ENDS = (0.025, 0.1, 0.5, 0.9, 0.975)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The median, and the ends of the central 80% and 95% intervals."""

    median: float
    low80: float
    high80: float
    low95: float
    high95: float


@dataclass(frozen=True, slots=True)
class PredictionScore:
    """Accuracy of a prediction. `error`: actual / median - 1, None for a median of 0."""

    actual: float
    error: float | None
    inside80: bool
    inside95: bool
    score80: float
    score95: float


def prediction_of(values: Sequence[float]) -> Prediction:
    """The five numbers of simulated values: the k-th of n is the quantile k/(n+1)."""
    # If the actual value is one more draw, it lies below the k-th of n with chance k/(n+1); NumPy's default quantiles
    # spread less and would miss more often than they say.
    low95, low80, median, high80, high95 = (float(x) for x in np.quantile(values, ENDS, method="weibull"))
    return Prediction(median, low80, high80, low95, high95)


def score_prediction(prediction: Prediction, actual: float) -> PredictionScore:
    """A prediction with the actual value."""
    return PredictionScore(
        actual,
        actual / prediction.median - 1.0 if prediction.median else None,
        prediction.low80 <= actual <= prediction.high80,
        prediction.low95 <= actual <= prediction.high95,
        interval_score(prediction.low80, prediction.high80, actual, alpha=0.2),
        interval_score(prediction.low95, prediction.high95, actual, alpha=0.05),
    )


def interval_score(low: float, high: float, actual: float, *, alpha: float) -> float:
    """See the module."""
    return high - low + 2.0 / alpha * (max(0.0, low - actual) + max(0.0, actual - high))
