"""The mean pass rate of exactly these problems: only the sampling of completions is uncertain. Claims nothing of others."""

import math
from collections.abc import Sequence

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate
from pipelines.stats.jeffreys import check_counts
from pipelines.stats.special import t_quantile

_ESTIMAND = "mean pass rate of these problems"


def these_problems_mean(correct: Sequence[int], judged: Sequence[int], *, confidence: float = 0.95) -> Estimate | None:
    """Mean of c_i/n_i with a stratified interval; None without problems or where a problem has no judged completion.

    Numbers n_i fixed beforehand (a prefix). Variance: sum of p_i(1 - p_i)/(n_i - 1) over problems squared (stratified
    sampling, Cochran 1977, eq. 5.11), Satterthwaite degrees of freedom. With n_i = 1 somewhere the variance is bounded by
    1/(4 n_i). All successes or none: the pooled Clopper-Pearson at the smallest n_i each, which is exact here because
    prod p_i <= (mean p)^P. Each problem all right or all wrong: Hoeffding (1963), eq. 2.3.
    """
    for c, n in zip(correct, judged, strict=True):
        check_counts(c, n)
    if not judged or min(judged) == 0:
        return None
    problems, completions = len(judged), sum(judged)
    mean = math.fsum(c / n for c, n in zip(correct, judged, strict=True)) / problems
    if mean in (0.0, 1.0):
        trials = problems * min(judged)
        exact = clopper_pearson(trials if mean == 1.0 else 0, trials, confidence=confidence)
        assert exact is not None
        return Estimate(mean, exact.low, exact.high, completions, problems, "pooled Clopper-Pearson", _ESTIMAND)
    half = _half_width(correct, judged, confidence)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    return Estimate(mean, low, high, completions, problems, "stratified t", _ESTIMAND)


def _half_width(correct: Sequence[int], judged: Sequence[int], confidence: float) -> float:
    parts = [(c / n * (1 - c / n) / (n - 1) if n > 1 else 0.25, n) for c, n in zip(correct, judged, strict=True)]
    variance = math.fsum(part for part, _ in parts)
    if variance == 0.0:  # every problem all right or all wrong shows no spread to estimate: Hoeffding's bound needs none
        return math.sqrt(math.log(2.0 / (1.0 - confidence)) / 2.0 * math.fsum(1.0 / n for n in judged)) / len(parts)
    degrees = variance**2 / math.fsum(part**2 / max(n - 1, 1) for part, n in parts)
    return t_quantile((1.0 + confidence) / 2.0, max(degrees, 1.0)) * math.sqrt(variance) / len(parts)
