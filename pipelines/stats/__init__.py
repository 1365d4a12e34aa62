"""Estimators and intervals: plain functions on plain numbers. A leaf: knows numpy and nothing of Rollmill.

Each is named by its estimand and gives its source; what is undefined is None, never 0 or 1.
"""

from pipelines.stats.audit_report import (
    BAND_NAMES,
    Costs,
    Judged,
    Measured,
    Stratum,
    audit_rates,
    band_of,
    consequences,
    precision_within,
    true_rates,
)
from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.equivalence import Equivalence, equivalence
from pipelines.stats.estimate import Estimate
from pipelines.stats.jeffreys import pass_rate_interval
from pipelines.stats.paired import paired_difference
from pipelines.stats.pass_at_k import pass_at_k
from pipelines.stats.path_counting import path_counting_rate, path_counts, until_target
from pipelines.stats.population import population_mean
from pipelines.stats.prefix import PrefixCounts, prefix_counts
from pipelines.stats.ratio import ratio_of_sums
from pipelines.stats.resampling import (
    Fallible,
    accuracy_ceiling,
    best_draws,
    equally,
    false_pass_at_k,
    kept_precision,
    largest_k,
    resampling_value,
)
from pipelines.stats.rule_error import GivenUp, given_up
from pipelines.stats.sampled import Sampled, sampled_share
from pipelines.stats.shrinkage import BetaPrior, fit_prior, shrunken_rate
from pipelines.stats.these_problems import these_problems_mean
from pipelines.stats.undecided import undecided_bounds
from pipelines.stats.verifier_error import (
    Cell,
    corrected_mean,
    corrected_rate,
    false_accept_rate,
    false_reject_rate,
    precision,
    verdict_accuracy,
)

__all__ = [
    "BAND_NAMES",
    "BetaPrior",
    "Cell",
    "Costs",
    "Equivalence",
    "Estimate",
    "Fallible",
    "GivenUp",
    "Judged",
    "Measured",
    "PrefixCounts",
    "Sampled",
    "Stratum",
    "accuracy_ceiling",
    "audit_rates",
    "band_of",
    "best_draws",
    "clopper_pearson",
    "consequences",
    "corrected_mean",
    "corrected_rate",
    "equally",
    "equivalence",
    "false_accept_rate",
    "false_pass_at_k",
    "false_reject_rate",
    "fit_prior",
    "given_up",
    "kept_precision",
    "largest_k",
    "paired_difference",
    "pass_at_k",
    "pass_rate_interval",
    "path_counting_rate",
    "path_counts",
    "population_mean",
    "precision",
    "precision_within",
    "prefix_counts",
    "ratio_of_sums",
    "resampling_value",
    "sampled_share",
    "shrunken_rate",
    "these_problems_mean",
    "true_rates",
    "undecided_bounds",
    "until_target",
    "verdict_accuracy",
]
