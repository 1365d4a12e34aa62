"""Estimators and intervals: plain functions on plain numbers, for metrics, cards, the gate, the dashboard and notebooks.

Each is named by its estimand and gives its source; what is undefined is None, never 0 or 1. This is the door for numbers
that are shown. What only steers (`hierarchy`, `solution_diversity`, `stopping_forecast`, `frontier`) is imported from its
module, by budgets and forecasts.
"""

from pipelines.stats.audit_report import (
    BAND_NAMES,
    Costs,
    Judgement,
    Stratum,
    VerifierPassRate,
    audit_rates,
    band_of,
    consequences,
    precision_within,
    true_rates,
)
from pipelines.stats.differences import Equivalence, equivalence, paired_difference
from pipelines.stats.intervals import Estimate, StratumSample, beta_quantile, clopper_pearson, sampled_share, t_quantile
from pipelines.stats.means import cluster_sums, mean_bounds, population_mean, these_problems_mean
from pipelines.stats.pass_rates import (
    PathCounts,
    PrefixCounts,
    pass_at_k,
    pass_rate_interval,
    path_counting_rate,
    path_counts,
    prefix_counts,
    undecided_bounds,
)
from pipelines.stats.predictions import Prediction, PredictionScore, prediction_of, score_prediction
from pipelines.stats.resampling import ErrorRates, accuracy_ceiling, best_draws, kept_precision, largest_k, resampling_value
from pipelines.stats.rule_error import RuleErrorCounts, rule_error_counts
from pipelines.stats.shrinkage import BetaPrior, fit_prior, shrunken_rate
from pipelines.stats.verifier_error import (
    Cell,
    corrected_mean,
    corrected_rate,
    false_accept_rate,
    false_reject_rate,
    precision,
    verdict_accuracy,
)
from pipelines.stats.vote import Vote, vote, weighted_vote

__all__ = [
    "BAND_NAMES",
    "BetaPrior",
    "Cell",
    "Costs",
    "Equivalence",
    "ErrorRates",
    "Estimate",
    "Judgement",
    "PathCounts",
    "Prediction",
    "PredictionScore",
    "PrefixCounts",
    "RuleErrorCounts",
    "Stratum",
    "StratumSample",
    "VerifierPassRate",
    "Vote",
    "accuracy_ceiling",
    "audit_rates",
    "band_of",
    "best_draws",
    "beta_quantile",
    "clopper_pearson",
    "cluster_sums",
    "consequences",
    "corrected_mean",
    "corrected_rate",
    "equivalence",
    "false_accept_rate",
    "false_reject_rate",
    "fit_prior",
    "kept_precision",
    "largest_k",
    "mean_bounds",
    "paired_difference",
    "pass_at_k",
    "pass_rate_interval",
    "path_counting_rate",
    "path_counts",
    "population_mean",
    "precision",
    "precision_within",
    "prediction_of",
    "prefix_counts",
    "resampling_value",
    "rule_error_counts",
    "sampled_share",
    "score_prediction",
    "shrunken_rate",
    "t_quantile",
    "these_problems_mean",
    "true_rates",
    "undecided_bounds",
    "verdict_accuracy",
    "vote",
    "weighted_vote",
]
