"""Every published number about a pool of rollouts: funnel, pass rates, pass@k, paired changes.

Manifest, card, gate, command line, dashboard and re-verification render the results of this package. It is pure: columns or
records in, numbers with their n, interval and estimator's name out. The estimators themselves are in
rollmill.stats.
"""

from rollmill.metrics.counts import Counts, CountsByProblem, counts_of, tallied
from rollmill.metrics.drift import DRIFT_KINDS, Drift, drifts
from rollmill.metrics.funnel import (
    Funnel,
    FunnelCounter,
    PairedDecisions,
    decision_counts,
    funnel_of,
    moves_rows,
    stop_reasons,
)
from rollmill.metrics.path_rates import path_counted
from rollmill.metrics.rates import (
    BY_RESULTS,
    BY_WEIGHT,
    NO_RATES,
    NOTHING,
    GroupRate,
    PassAtLimit,
    estimand_of,
    paired_pass_at,
    paired_rates,
    pass_at,
    pass_rate,
    pass_rates,
    prefix_words,
    rate_row,
    rate_words,
)
from rollmill.metrics.shares import Share, by_correct, judged_numbers, shares

__all__ = [
    "BY_RESULTS",
    "BY_WEIGHT",
    "DRIFT_KINDS",
    "NOTHING",
    "NO_RATES",
    "Counts",
    "CountsByProblem",
    "Drift",
    "Funnel",
    "FunnelCounter",
    "GroupRate",
    "PairedDecisions",
    "PassAtLimit",
    "Share",
    "by_correct",
    "counts_of",
    "decision_counts",
    "drifts",
    "estimand_of",
    "funnel_of",
    "judged_numbers",
    "moves_rows",
    "paired_pass_at",
    "paired_rates",
    "pass_at",
    "pass_rate",
    "pass_rates",
    "path_counted",
    "prefix_words",
    "rate_row",
    "rate_words",
    "shares",
    "stop_reasons",
    "tallied",
]
