"""What every estimator returns: a number with its interval, its size and what it claims to estimate. Computes nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with a 95% (or stated) interval. `n` counts what was averaged, `clusters` what was independent.

    `method` says how the interval was made, `estimand` what is estimated: two estimates compare only if the latter agree.
    """

    value: float
    low: float
    high: float
    n: int
    clusters: int
    method: str
    estimand: str
