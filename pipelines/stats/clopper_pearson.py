"""Exact (Clopper-Pearson) interval of a binomial proportion: never covers less than stated. Knows no clusters."""

from pipelines.stats.estimate import Estimate
from pipelines.stats.jeffreys import check_counts
from pipelines.stats.special import beta_quantile


def clopper_pearson(
    successes: int, trials: int, *, confidence: float = 0.95, estimand: str = "binomial proportion"
) -> Estimate | None:
    """successes/trials with the exact interval of Clopper & Pearson (1934, Biometrika 26); None without trials.

    Trials must be independent and their number fixed beforehand. Used for error rates of audits and, over clusters, where
    every observation agrees and a t interval would have no width.
    """
    check_counts(successes, trials)
    if trials == 0:
        return None
    tail = (1.0 - confidence) / 2.0
    low = beta_quantile(tail, successes, trials - successes + 1) if successes > 0 else 0.0
    high = beta_quantile(1.0 - tail, successes + 1, trials - successes) if successes < trials else 1.0
    return Estimate(successes / trials, low, high, trials, trials, "Clopper-Pearson", estimand)
