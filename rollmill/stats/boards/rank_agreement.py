"""Kendall's tau between two rankings of the same models, with an interval for the population the models come from.

Of tau-b (scipy's), where ties belong to neither order. The standard error is the consistent one of a U-statistic (Noether
1967; Hollander, Wolfe & Chicken 2014, section 8.3), with t quantiles of n - 1 degrees of freedom on Fisher's z scale.
Two rankings that agree wholly would have an error of 0: the bound there is that of their disjoint pairs, which are
independent (Clopper-Pearson over n / 2 pairs).
"""

import math
from collections.abc import Sequence

import numpy as np

from rollmill.stats.clusters.intervals import CONFIDENCE, Estimate, clopper_pearson, t_quantile

ESTIMAND = "Kendall's tau of the population of models"
LEAST = 3  # models; two have one pair
TIE = 1e-12  # of tau and 1


def rank_agreement(first: Sequence[float], second: Sequence[float], *, estimand: str = ESTIMAND) -> Estimate | None:
    """tau-b of two scores of the same models; None with fewer than three models, or where one score is all ties."""
    from scipy.stats import kendalltau

    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} scores")
    models = len(first)
    if models < LEAST or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    tau = float(kendalltau(first, second).statistic)
    if abs(tau) > 1.0 - TIE:
        exact = clopper_pearson(models // 2, models // 2)
        assert exact is not None
        least = 2.0 * exact.low - 1.0
        ends = (least, 1.0) if tau > 0 else (-1.0, -least)
        return Estimate(tau, *ends, models, models, "Clopper-Pearson over disjoint pairs", estimand)
    half = t_quantile(0.5 + CONFIDENCE / 2.0, models - 1) * _error(first, second) / (1.0 - tau**2)
    low, high = (math.tanh(math.atanh(tau) + end) for end in (-half, half))
    return Estimate(tau, low, high, models, models, "U-statistic, t on Fisher's z scale", estimand)


def _error(first: Sequence[float], second: Sequence[float]) -> float:
    """Standard error of tau-b; without ties that of Hollander, Wolfe & Chicken, equation 8.34."""
    n = len(first)
    orders = [np.sign(np.subtract.outer(np.asarray(scores), np.asarray(scores))) for scores in (first, second)]
    agreeing = (orders[0] * orders[1]).sum(axis=1)
    pairs = n * (n - 1)
    tau_a = agreeing.sum() / pairs
    spread = 2.0 * (n - 2) / (pairs * (n - 1)) * ((agreeing - agreeing.mean()) ** 2).sum()
    untied = math.sqrt(math.prod(float(np.abs(order).sum()) / pairs for order in orders))
    return math.sqrt(2.0 / pairs * (spread + 1.0 - tau_a**2)) / untied
