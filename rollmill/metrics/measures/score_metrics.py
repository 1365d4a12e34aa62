"""Metrics of a score against verdicts: discrimination of right from wrong, overall and within a problem, and calibration.

Over judged rollouts; clusters are templates, else problems, because completions of one problem are not independent.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rollmill.metrics.sample import Metric, MetricValue, Options, Sample, means_of, scores_of_rows
from rollmill.stats import Estimate, auroc, auroc_within, brier, calibration, cluster_mean

ONE_KIND = "all judged rollouts are correct, or none is"


def _over_rows(sample: Sample, options: Options, estimator: Callable[..., Estimate | None]) -> list[MetricValue]:
    rows, clusters = sample.judged_rows()
    estimate = estimator(scores_of_rows(sample, options, rows), sample.right(rows), clusters)
    return [MetricValue({"score": options.score}, estimate, "" if estimate else ONE_KIND)]


def _auroc(sample: Sample, options: Options) -> list[MetricValue]:
    return _over_rows(sample, options, auroc)


def _brier(sample: Sample, options: Options) -> list[MetricValue]:
    return _over_rows(sample, options, brier)


def _auroc_within(sample: Sample, options: Options) -> list[MetricValue]:
    rows, clusters = sample.judged_rows()
    values = auroc_within(scores_of_rows(sample, options, rows), sample.right(rows), sample.pool.problem[rows], clusters)
    return [MetricValue({"score": options.score}, values, "" if values else "no problem has both kinds")]


def _calibration(sample: Sample, options: Options) -> list[MetricValue]:
    """The error, then a row per bin with its mean score and share correct."""
    rows, clusters = sample.judged_rows()
    scores = scores_of_rows(sample, options, rows)
    calibrated = calibration(scores, sample.right(rows), clusters, bins=options.bins, seed=options.seed)
    if calibrated is None:
        return [MetricValue({"score": options.score}, None, "nothing judged")]
    setting: dict[str, Any] = {"score": options.score}
    bins = [
        MetricValue({**setting, "bin": at, "mean_score": float(np.round(scores_bin.mean_score, 12))}, scores_bin.correct)
        for at, scores_bin in enumerate(calibrated.bins)
    ]
    return [MetricValue({**setting, "noise": float(np.round(calibrated.noise, 12))}, calibrated.error), *bins]


def _mean_score(sample: Sample, options: Options) -> list[MetricValue]:
    """The mean of a score over all rollouts of a problem, then over problems."""
    values = np.array([scores_of_rows(sample, options, rows).mean() for rows in sample.by_problem()])
    if options.score_range is None and values.min() >= 0.0 and values.max() <= 1.0:
        return means_of(sample, [{"score": options.score}], values[:, None], f"{options.score}")
    mean = cluster_mean(values.tolist(), sample.clusters, estimand=sample.estimand(str(options.score)))
    return [MetricValue({"score": options.score}, mean)]


SCORE_METRICS = {
    "mean_score": Metric(_mean_score, frozenset({"score"})),
    "auroc": Metric(_auroc, frozenset({"score"})),
    "auroc_within": Metric(_auroc_within, frozenset({"score"})),
    "brier": Metric(_brier, frozenset({"chances"})),
    "calibration": Metric(_calibration, frozenset({"chances"})),
}
