"""Claims about error bars: clusters of problems, and questions that two models share."""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import Effect, Estimate, NotTestable, cluster_mean
from rollmill_papers.claims.evidence import Evidence


def _clustered(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    rates = table.pass_at(1).tolist()
    both = [cluster_mean(rates, clusters, estimand="pass rate") for clusters in (table.clusters, None)]
    return (Effect(_width(both[0]) / _width(both[1]) - 1.0, len(rates)),)


def _paired(evidence: Evidence) -> Sequence[Effect]:
    cool, warm = evidence.table("pair-cool").pass_at(1), evidence.table("pair").pass_at(1)
    paired = _width(cluster_mean((cool - warm).tolist(), estimand="difference"))
    each = [_width(cluster_mean(rates.tolist(), estimand="pass rate")) for rates in (cool, warm)]
    return (Effect(paired / float(np.hypot(each[0], each[1])) - 1.0, len(warm)),)


def _width(estimate: Estimate | None) -> float:
    if estimate is None or not 0.0 < estimate.high - estimate.low < np.inf:
        raise NotTestable("problems without a spread have no interval to compare")
    return estimate.high - estimate.low


MEASURES = {
    "clustered-errors": _clustered,
    "paired-questions": _paired,
}
