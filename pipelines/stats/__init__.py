"""Estimators and intervals: plain functions on plain numbers. A leaf: knows numpy and nothing of Rollmill.

Each is named by its estimand and gives its source; what is undefined is None, never 0 or 1.
"""

from pipelines.stats.clopper_pearson import clopper_pearson
from pipelines.stats.estimate import Estimate
from pipelines.stats.jeffreys import pass_rate_interval
from pipelines.stats.pass_at_k import pass_at_k
from pipelines.stats.path_counting import path_counting_rate, path_counts, until_target
from pipelines.stats.population import population_mean
from pipelines.stats.prefix import PrefixCounts, prefix_counts
from pipelines.stats.shrinkage import BetaPrior, fit_prior, shrunken_rate
from pipelines.stats.these_problems import these_problems_mean
from pipelines.stats.undecided import undecided_bounds

__all__ = [
    "BetaPrior",
    "Estimate",
    "PrefixCounts",
    "clopper_pearson",
    "fit_prior",
    "pass_at_k",
    "pass_rate_interval",
    "path_counting_rate",
    "path_counts",
    "population_mean",
    "prefix_counts",
    "shrunken_rate",
    "these_problems_mean",
    "undecided_bounds",
    "until_target",
]
