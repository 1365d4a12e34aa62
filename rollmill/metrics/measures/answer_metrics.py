"""Metrics of the answers that a model gives beside the right one: memorised, new, and as widely spread as they should be.

`memorised` and `new@k` read a 0/1 score that says which answers are known (scorer `known_answer`).
"""

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Flags, Ints
from rollmill.metrics.measures.subset_metrics import scaled_means
from rollmill.metrics.sample import Metric, MetricValue, Need, Options, Sample, means_of, scores_of_rows
from rollmill.stats import cluster_share, distinct_at_ks


def _known(sample: Sample, options: Options, rows: Ints) -> Flags:
    """Flags of the rollouts whose answer is known; SetupError for a score that is no flag."""
    scores = scores_of_rows(sample, options, rows)
    if not np.isin(scores, (0.0, 1.0)).all():
        raise SetupError(
            f"Score {options.score!r} has values other than 0 and 1.", next_command="rollmill score RUN --with known_answer"
        )
    return np.equal(scores, 1.0)


def _memorised(sample: Sample, options: Options) -> list[MetricValue]:
    """Share of old answers among the old and the right ones (Longpre et al. 2021, arXiv:2109.05052)."""
    old = np.array([_known(sample, options, rows).sum() for rows in sample.by_problem()], dtype=np.float64)
    right = np.array([sample.right(rows).sum() for rows in sample.by_problem()], dtype=np.float64)
    what = "share of old answers among old and right ones" + sample.estimand("")[len("mean ") :].rstrip()
    share = cluster_share(old.tolist(), (old + right).tolist(), sample.clusters, estimand=what)
    return [MetricValue({"score": options.score}, share, "" if share else "no answer is the old or the right one")]


def _new(sample: Sample, options: Options) -> list[MetricValue]:
    """Different right and unknown answers among k, over k (Nagarajan et al. 2025, arXiv:2504.15266), by rarefaction."""
    ks = sample.ks(options)
    values = []
    for rows in sample.by_problem():
        answer, known = sample.pool.answer[rows], _known(sample, options, rows)
        new = sample.right(rows) & (answer >= 0) & ~np.isin(answer, answer[known])
        votes = np.unique(answer[new], return_counts=True)[1].tolist()
        values.append(distinct_at_ks(votes, len(rows), ks) / np.asarray(ks))
    settings = [{"k": k, "score": options.score} for k in ks]
    return means_of(sample, settings, np.stack(values), "number of different new right answers among k, over k")


def _draw_loss(sample: Sample, options: Options) -> list[MetricValue]:  # noqa: ARG001
    """1[x = x'] - 2 * 1[x = y] for two draws x, x' of the model and the reference y, over all pairs of draws.

    Its expectation is sum_a (p_a - q_a)^2 - sum_a q_a^2, least where the model's p is the q that references are drawn from:
    a proper loss of draws alone. The rate of matches is none, as it is largest where only the likeliest answer is given.
    A completion without an answer gives one and the same answer, which no reference is.
    """
    if int(sample.drawn.min()) < 2:
        return [MetricValue({}, None, "two completions of each problem are needed")]
    losses = []
    for rows, right in zip(sample.by_problem(), sample.correct.tolist(), strict=True):
        votes = np.unique(sample.pool.answer[rows], return_counts=True)[1]
        n = len(rows)
        losses.append(float((votes * (votes - 1)).sum()) / (n * (n - 1)) - 2.0 * right / n)
    what = "quadratic loss of two draws against one of the references"
    return scaled_means(sample, [{}], np.array(losses)[:, None], (-1.0, 1.0), what)


_FLAGGED: frozenset[Need] = frozenset({"score"})
ANSWER_METRICS = {
    "memorised": Metric(_memorised, _FLAGGED),
    "new@k": Metric(_new, frozenset({"ks", "answers", *_FLAGGED})),
    "draw_loss": Metric(_draw_loss, frozenset({"answers"})),
}
