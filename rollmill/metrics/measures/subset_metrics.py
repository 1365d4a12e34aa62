"""Metrics of k completions among n: pass@k and its kin, the coverage curve and its law, what a score would choose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.metrics.sample import (
    Array,
    Metric,
    MetricValue,
    Need,
    Options,
    Sample,
    clusters_note,
    means_of,
    scores_of_rows,
)
from rollmill.stats import (
    ClusterTable,
    best_of_ks,
    cluster_mean,
    cluster_table,
    fit_coverage,
    g_pass_at_ks,
    mg_pass_at_ks,
    pass_at_ks,
    pass_hat_ks,
    selected_of_ks,
    these_problems_means,
)

WITHHELD = "withheld: false accepts of the verifier alone could make it"


def _of_counts(sample: Sample, options: Options, estimator: Callable[..., Array], what: str) -> list[MetricValue]:
    """Means over problems of a function of (judged, correct, k)."""
    ks = sample.ks(options)
    words = [sample.estimand(what.format(k=k), options) for k in ks]
    if options.of == "these problems":
        estimates, notes = these_problems_means(estimator, sample.judged, sample.correct, ks, words), [""] * len(ks)
    else:
        estimates = counts_table(sample, ks, estimator).estimates(words)
        values = estimator(sample.judged, sample.correct, ks)
        notes = [clusters_note(sample, values[:, at]) for at in range(len(ks))]
    # Withheld and not refused: smaller k are still shown.
    most = options.largest_k if options.largest_k is not None else max(ks)
    return [
        MetricValue({"k": k}, estimate, note) if k <= most else MetricValue({"k": k}, None, WITHHELD)
        for k, estimate, note in zip(ks, estimates, notes, strict=True)
    ]


def counts_table(sample: Sample, ks: Sequence[int], estimator: Callable[..., Array] = pass_at_ks) -> ClusterTable:
    """Problems with equal counts have equal rows: at most n + 1 if all have n."""
    pairs, place = np.unique(np.stack([sample.judged, sample.correct]), axis=1, return_inverse=True)
    # The shape of the inverse differs between versions of NumPy.
    return cluster_table(estimator(pairs[0], pairs[1], ks), sample.clusters, place.ravel())


def _pass_at(sample: Sample, options: Options) -> list[MetricValue]:
    return _of_counts(sample, options, pass_at_ks, "pass@{k}")


def _pass_hat(sample: Sample, options: Options) -> list[MetricValue]:
    return _of_counts(sample, options, pass_hat_ks, "pass^{k}")


def _g_pass(sample: Sample, options: Options) -> list[MetricValue]:
    if not 0.0 <= options.tau <= 1.0:
        raise SetupError(f"tau = {options.tau} is no share of the completions.", choices=["0 to 1"])
    rows = _of_counts(sample, options, partial(g_pass_at_ks, tau=options.tau), f"G-Pass@{{k}} at {options.tau:g}")
    return [MetricValue({**row.setting, "tau": options.tau}, row.estimate, row.why) for row in rows]


def _mg_pass(sample: Sample, options: Options) -> list[MetricValue]:
    ks = tuple(k for k in sample.ks(options) if k > 1)
    if not ks or 1 in options.ks:
        raise SetupError("mG-Pass@k is a mean over thresholds above k/2, of which k = 1 has none.", choices=["k from 2 on"])
    return _of_counts(sample, replace(options, ks=ks), mg_pass_at_ks, "mG-Pass@{k}, normalised by its number of terms")


def _curve(sample: Sample, options: Options) -> list[MetricValue]:
    """pass@k with a simultaneous band over all k."""
    ks = sample.ks(options)
    table = counts_table(sample, ks)
    lows, highs = table.band(seed=options.seed)
    estimates = table.estimates([f"{sample.estimand(f'pass@{k}')}, all k at once" for k in ks])
    return [
        MetricValue({"k": k}, _moved(one, low, high, "max-t band over 2,000 resamples of clusters"))
        for k, one, low, high in zip(ks, estimates, lows.tolist(), highs.tolist(), strict=True)
    ]


def _law(sample: Sample, options: Options) -> list[MetricValue]:
    """a and b of exp(a k^b), and the coverage that it foresees at four times the largest k."""
    ks = sample.ks(options)
    card = fit_coverage(counts_table(sample, ks), ks, seed=options.seed)
    if card.refused:
        return [MetricValue({"parameter": name}, None, "; ".join(card.refused)) for name in ("a", "b", "coverage")]
    foreseen = card.predict(4 * ks[-1])
    return [
        MetricValue({"parameter": "a"}, _moved(foreseen, *card.a_interval, value=card.a, estimand=f"a of {card.form}")),
        MetricValue({"parameter": "b"}, _moved(foreseen, *card.b_interval, value=card.b, estimand=f"b of {card.form}")),
        MetricValue({"parameter": "coverage", "k": 4 * ks[-1]}, foreseen),
    ]


def _moved(estimate: Any, low: float, high: float, method: str = "", **changes: Any) -> Any:
    return replace(estimate, low=low, high=high, **({"method": method} if method else {}), **changes)


def _score_tables(sample: Sample, options: Options) -> tuple[Array, Array]:
    """(P, n) verdicts and scores; all problems have the same number of rollouts, undecided ones count as not correct."""
    rows = np.stack(list(sample.by_problem()))
    return sample.right(rows).astype(np.float64), scores_of_rows(sample, options, rows)


def _selected(sample: Sample, options: Options) -> list[MetricValue]:
    """The accuracy of the completion with the greatest score among k."""
    right, scores = _score_tables(sample, options)
    ks = sample.ks(options)
    settings = [{"k": k, "score": options.score} for k in ks]
    return means_of(sample, settings, selected_of_ks(right, scores, ks), f"accuracy of the best of k by {options.score}")


def _best(sample: Sample, options: Options) -> list[MetricValue]:
    """The expected greatest score among k, one that is not correct scoring 0: eff@k where the score is an efficiency."""
    right, scores = _score_tables(sample, options)
    ks = sample.ks(options)
    values, what = (
        best_of_ks(np.where(right > 0, scores, 0.0), ks),
        f"greatest {options.score} among k, wrong completions 0",
    )
    settings = [{"k": k, "score": options.score} for k in ks]
    if options.score_range is None:
        means = [cluster_mean(column.tolist(), sample.clusters, estimand=sample.estimand(what)) for column in values.T]
        return [MetricValue(setting, mean) for setting, mean in zip(settings, means, strict=True)]
    # Wrong completions score 0, so the range has to hold 0.
    low, high = min(0.0, options.score_range[0]), max(0.0, options.score_range[1])
    if values.min() < low or values.max() > high:
        raise SetupError(
            f"Score {options.score!r} leaves the range {low:g} to {high:g}.", next_command="give its true range"
        )
    return scaled_means(sample, settings, values, (low, high), what)


def scaled_means(
    sample: Sample, settings: Sequence[Mapping[str, Any]], values: Array, bounds: tuple[float, float], what: str
) -> list[MetricValue]:
    """`means_of` of columns between two bounds."""
    low, high = bounds
    rows = means_of(sample, settings, (values - low) / (high - low), what)
    # A note on clusters speaks of scaled values, so only what is undefined keeps its words.
    return [MetricValue(row.setting, _scaled(row.estimate, low, high)) if row.estimate else row for row in rows]


def _scaled(estimate: Any, low: float, high: float) -> Any:
    value, least, most = (low + (high - low) * end for end in (estimate.value, estimate.low, estimate.high))
    return _moved(estimate, least, most, value=value)


_KS: frozenset[Need] = frozenset({"ks"})
SUBSET_METRICS = {
    "pass@k": Metric(_pass_at, _KS, these=True, each_k=True),
    "pass^k": Metric(_pass_hat, _KS, these=True, each_k=True),
    "g_pass@k": Metric(_g_pass, _KS, these=True, each_k=True),
    "mg_pass@k": Metric(_mg_pass, _KS, these=True, each_k=True),
    "coverage_curve": Metric(_curve, _KS),
    "coverage_law": Metric(_law, _KS),
    "selected@k": Metric(_selected, frozenset({"ks", "score"})),
    "best_score@k": Metric(_best, frozenset({"ks", "score"})),
}
