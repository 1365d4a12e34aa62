"""The pass rate of one problem (or one pool of exchangeable completions) with a Jeffreys interval. Knows no clusters."""

from pipelines.stats.estimate import Estimate
from pipelines.stats.special import beta_quantile


def pass_rate_interval(correct: int, judged: int, *, confidence: float = 0.95) -> Estimate | None:
    """Pass rate correct/judged with the equal-tailed Jeffreys interval; None when nothing was judged.

    Estimand: the probability that one more completion of this problem is correct, for a number of completions fixed
    beforehand. Watched while it grows, the interval covers less. Quantiles of
    Beta(c + 1/2, n - c + 1/2), the low end 0 at c = 0 and the high end 1 at c = n
    (Brown, Cai & DasGupta 2001, Statistical Science 16(2), section 3.2).
    """
    check_counts(correct, judged)
    if judged == 0:
        return None
    tail = (1.0 - confidence) / 2.0
    a, b = correct + 0.5, judged - correct + 0.5
    low = beta_quantile(tail, a, b) if correct > 0 else 0.0
    high = beta_quantile(1.0 - tail, a, b) if correct < judged else 1.0
    return Estimate(correct / judged, low, high, judged, judged, "Jeffreys", "pass rate of one problem")


def check_counts(correct: int, judged: int) -> None:
    """Refuse counts that cannot be: our bug, never a user's."""
    if not 0 <= correct <= judged:
        raise ValueError(f"need 0 <= correct <= judged, got {correct} of {judged}")
