"""Estimators and intervals: plain functions on plain numbers, for metrics, cards, the gate, the dashboard and notebooks.

Each is named by its estimand and gives its source; an undefined value is None, never 0 or 1. This is the door for numbers
that are shown. What only steers (`hierarchy`, `solution_diversity`, `stopping_forecast`, `frontier`) is imported from its
module, by budgets and forecasts.
"""

from typing import TYPE_CHECKING

from rollmill.ground.by_name import first_use

if TYPE_CHECKING:
    from rollmill.stats.boards.imputation import CompletedTables, complete_table
    from rollmill.stats.boards.pairwise import PairComparison, PairRanking, comparison_plan, pair_ranking
    from rollmill.stats.boards.rank_agreement import rank_agreement
    from rollmill.stats.boards.thresholdout import (
        GuardedAnswer,
        HoldoutGuard,
        first_shift,
        guarded_answer,
        standard_guard,
    )
    from rollmill.stats.clusters.cluster_ratios import cluster_mean, cluster_ratio, cluster_share
    from rollmill.stats.clusters.cluster_table import ClusterTable, cluster_table, group_shares
    from rollmill.stats.clusters.differences import (
        Equivalence,
        PairedTest,
        equivalence,
        paired_difference,
        paired_test,
    )
    from rollmill.stats.clusters.drift import Shift, total_variation
    from rollmill.stats.clusters.intervals import (
        Estimate,
        StratumSample,
        beta_probability,
        beta_quantile,
        clopper_pearson,
        sampled_share,
        t_quantile,
    )
    from rollmill.stats.clusters.means import cluster_sums, mean_bounds, population_mean
    from rollmill.stats.clusters.outlying import OutlyingClusters, outlying_clusters
    from rollmill.stats.clusters.resampling import (
        ErrorRates,
        accuracy_ceiling,
        best_draws,
        kept_precision,
        largest_k,
        resampling_value,
    )
    from rollmill.stats.clusters.testing import alpha_spent, holm
    from rollmill.stats.draws.coverage_law import fit_coverage
    from rollmill.stats.draws.efficiency import hodges_lehmann, program_efficiency
    from rollmill.stats.draws.pair_probabilities import PairInterval, pair_interval
    from rollmill.stats.draws.pass_rates import (
        PathCounts,
        pass_at_k,
        pass_rate_interval,
        path_counting_rate,
        path_counts,
        undecided_bounds,
    )
    from rollmill.stats.draws.predictions import Prediction, prediction_of, score_prediction
    from rollmill.stats.draws.shrinkage import BetaPrior, fit_prior, shrunken_rate
    from rollmill.stats.draws.subsets import (
        best_of_ks,
        g_pass_at_ks,
        mg_pass_at_ks,
        pass_at_ks,
        pass_hat_ks,
        selected_of_ks,
        these_problems_means,
    )
    from rollmill.stats.draws.time_left import TimeLeft, longest, time_left, whole_of
    from rollmill.stats.draws.token_budgets import (
        Draft,
        cumulative_regret,
        pass_at_tokens,
        progress_of_parts,
        regret_of_prefixes,
        regret_of_tokens,
        repair_tree_at,
        solved_by,
    )
    from rollmill.stats.draws.vote import vote, weighted_vote
    from rollmill.stats.draws.votes_at_k import (
        AnswerCounts,
        Expectation,
        agreement,
        distinct_at_ks,
        majority_at_k,
    )
    from rollmill.stats.scaling.power_law import ScalingFit, fit_scaling
    from rollmill.stats.trials.counts import ArmCounts, draw_variance, pass_at_k_cells, pass_at_k_difference
    from rollmill.stats.trials.design import (
        Choices,
        Design,
        Expense,
        Reach,
        VarianceComponents,
        arm_components,
        designs,
        pair_components,
        reach,
    )
    from rollmill.stats.trials.looks import false_alarm, look_levels, sequential_holm
    from rollmill.stats.trials.two_way import TwoWay, VarianceParts, two_way
    from rollmill.stats.verifiers.audit_report import (
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
    from rollmill.stats.verifiers.calibration import auroc, auroc_within, brier, calibration
    from rollmill.stats.verifiers.graded_quality import constant_grades, graded_quality
    from rollmill.stats.verifiers.rater_agreement import krippendorff_alpha
    from rollmill.stats.verifiers.rule_error import RuleErrorCounts, rule_error_counts
    from rollmill.stats.verifiers.verifier_error import (
        ErrorCell,
        corrected_mean,
        corrected_rate,
        false_accept_rate,
        false_reject_rate,
        precision,
        verdict_accuracy,
    )

_MODULES = {
    "rollmill.stats.boards.imputation": "CompletedTables complete_table",
    "rollmill.stats.boards.pairwise": "PairComparison PairRanking comparison_plan pair_ranking",
    "rollmill.stats.boards.rank_agreement": "rank_agreement",
    "rollmill.stats.boards.thresholdout": "GuardedAnswer HoldoutGuard first_shift guarded_answer standard_guard",
    "rollmill.stats.clusters.cluster_ratios": "cluster_mean cluster_ratio cluster_share",
    "rollmill.stats.clusters.cluster_table": "ClusterTable cluster_table group_shares",
    "rollmill.stats.clusters.differences": "Equivalence PairedTest equivalence paired_difference paired_test",
    "rollmill.stats.clusters.drift": "Shift total_variation",
    "rollmill.stats.clusters.intervals": (
        "Estimate StratumSample beta_probability beta_quantile clopper_pearson sampled_share t_quantile"
    ),
    "rollmill.stats.clusters.means": "cluster_sums mean_bounds population_mean",
    "rollmill.stats.clusters.outlying": "OutlyingClusters outlying_clusters",
    "rollmill.stats.clusters.resampling": (
        "ErrorRates accuracy_ceiling best_draws kept_precision largest_k resampling_value"
    ),
    "rollmill.stats.clusters.testing": "alpha_spent holm",
    "rollmill.stats.draws.coverage_law": "fit_coverage",
    "rollmill.stats.draws.efficiency": "hodges_lehmann program_efficiency",
    "rollmill.stats.draws.pair_probabilities": "PairInterval pair_interval",
    "rollmill.stats.draws.pass_rates": (
        "PathCounts pass_at_k pass_rate_interval path_counting_rate path_counts undecided_bounds"
    ),
    "rollmill.stats.draws.predictions": "Prediction prediction_of score_prediction",
    "rollmill.stats.draws.shrinkage": "BetaPrior fit_prior shrunken_rate",
    "rollmill.stats.draws.subsets": (
        "best_of_ks g_pass_at_ks mg_pass_at_ks pass_at_ks pass_hat_ks selected_of_ks these_problems_means"
    ),
    "rollmill.stats.draws.time_left": "TimeLeft longest time_left whole_of",
    "rollmill.stats.draws.token_budgets": (
        "Draft cumulative_regret pass_at_tokens progress_of_parts regret_of_prefixes regret_of_tokens "
        "repair_tree_at solved_by"
    ),
    "rollmill.stats.draws.vote": "vote weighted_vote",
    "rollmill.stats.draws.votes_at_k": "AnswerCounts Expectation agreement distinct_at_ks majority_at_k",
    "rollmill.stats.scaling.power_law": "ScalingFit fit_scaling",
    "rollmill.stats.trials.counts": "ArmCounts draw_variance pass_at_k_cells pass_at_k_difference",
    "rollmill.stats.trials.design": (
        "Choices Design Expense Reach VarianceComponents arm_components designs pair_components reach"
    ),
    "rollmill.stats.trials.looks": "false_alarm look_levels sequential_holm",
    "rollmill.stats.trials.two_way": "TwoWay VarianceParts two_way",
    "rollmill.stats.verifiers.audit_report": (
        "Costs Judgement Stratum VerifierPassRate audit_rates band_of consequences precision_within true_rates"
    ),
    "rollmill.stats.verifiers.calibration": "auroc auroc_within brier calibration",
    "rollmill.stats.verifiers.graded_quality": "constant_grades graded_quality",
    "rollmill.stats.verifiers.rater_agreement": "krippendorff_alpha",
    "rollmill.stats.verifiers.rule_error": "RuleErrorCounts rule_error_counts",
    "rollmill.stats.verifiers.verifier_error": (
        "ErrorCell corrected_mean corrected_rate false_accept_rate false_reject_rate precision verdict_accuracy"
    ),
}
__getattr__ = first_use(__name__, _MODULES)

__all__ = [
    "AnswerCounts",
    "ArmCounts",
    "BetaPrior",
    "Choices",
    "ClusterTable",
    "CompletedTables",
    "Costs",
    "Design",
    "Draft",
    "Equivalence",
    "ErrorCell",
    "ErrorRates",
    "Estimate",
    "Expectation",
    "Expense",
    "GuardedAnswer",
    "HoldoutGuard",
    "Judgement",
    "OutlyingClusters",
    "PairComparison",
    "PairInterval",
    "PairRanking",
    "PairedTest",
    "PathCounts",
    "Prediction",
    "Reach",
    "RuleErrorCounts",
    "ScalingFit",
    "Shift",
    "Stratum",
    "StratumSample",
    "TimeLeft",
    "TwoWay",
    "VarianceComponents",
    "VarianceParts",
    "VerifierPassRate",
    "accuracy_ceiling",
    "agreement",
    "alpha_spent",
    "arm_components",
    "audit_rates",
    "auroc",
    "auroc_within",
    "band_of",
    "best_draws",
    "best_of_ks",
    "beta_probability",
    "beta_quantile",
    "brier",
    "calibration",
    "clopper_pearson",
    "cluster_mean",
    "cluster_ratio",
    "cluster_share",
    "cluster_sums",
    "cluster_table",
    "comparison_plan",
    "complete_table",
    "consequences",
    "constant_grades",
    "corrected_mean",
    "corrected_rate",
    "cumulative_regret",
    "designs",
    "distinct_at_ks",
    "draw_variance",
    "equivalence",
    "false_accept_rate",
    "false_alarm",
    "false_reject_rate",
    "first_shift",
    "fit_coverage",
    "fit_prior",
    "fit_scaling",
    "g_pass_at_ks",
    "graded_quality",
    "group_shares",
    "guarded_answer",
    "hodges_lehmann",
    "holm",
    "kept_precision",
    "krippendorff_alpha",
    "largest_k",
    "longest",
    "look_levels",
    "majority_at_k",
    "mean_bounds",
    "mg_pass_at_ks",
    "outlying_clusters",
    "pair_components",
    "pair_interval",
    "pair_ranking",
    "paired_difference",
    "paired_test",
    "pass_at_k",
    "pass_at_k_cells",
    "pass_at_k_difference",
    "pass_at_ks",
    "pass_at_tokens",
    "pass_hat_ks",
    "pass_rate_interval",
    "path_counting_rate",
    "path_counts",
    "population_mean",
    "precision",
    "precision_within",
    "prediction_of",
    "program_efficiency",
    "progress_of_parts",
    "rank_agreement",
    "reach",
    "regret_of_prefixes",
    "regret_of_tokens",
    "repair_tree_at",
    "resampling_value",
    "rule_error_counts",
    "sampled_share",
    "score_prediction",
    "selected_of_ks",
    "sequential_holm",
    "shrunken_rate",
    "solved_by",
    "standard_guard",
    "t_quantile",
    "these_problems_means",
    "time_left",
    "total_variation",
    "true_rates",
    "two_way",
    "undecided_bounds",
    "verdict_accuracy",
    "vote",
    "weighted_vote",
    "whole_of",
]
