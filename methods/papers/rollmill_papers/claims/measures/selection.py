"""Claims about choosing by measured numbers: regression to the mean, the best of many settings, agreement as confidence."""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import (
    Effect,
    Flags,
    Floats,
    NotTestable,
    auroc,
    cluster_share,
    folds,
    paired_difference,
    population_mean,
)
from rollmill_papers.claims.evidence import Evidence, Table, aggregator

SETTINGS, PROBLEMS, TRUTH, TRIALS = 30, 50, 0.88, 2_000
WANTED = 0.9


def _regression(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    pilot = max(2, table.n // 8)
    first, later = table.right[:, :pilot].mean(axis=1), table.right[:, pilot:].mean(axis=1)
    unsolved, best = first == 0.0, first >= np.quantile(first, 0.75)
    return (
        Effect.of(population_mean(table.right[unsolved][:, pilot:].any(axis=1).tolist(), _some(table, unsolved))),
        Effect.of(paired_difference(first[best].tolist(), later[best].tolist(), _some(table, best))),
        table.difference(first, later),
    )


def _some(table: Table, chosen: Flags) -> list[int | str | None]:
    return [cluster for cluster, one in zip(table.clusters, chosen.tolist(), strict=True) if one]


def _best_of_settings(evidence: Evidence) -> Sequence[Effect]:
    rng = evidence.rng(2)
    shown = rng.binomial(PROBLEMS, TRUTH, (TRIALS, SETTINGS)) / PROBLEMS
    elsewhere = rng.binomial(PROBLEMS, TRUTH, TRIALS) / PROBLEMS  # of the chosen setting, on other problems
    return Effect(float(shown.max(axis=1).mean()) - TRUTH, TRIALS), Effect(float(elsewhere.mean()) - TRUTH, TRIALS)


def _agreement(table: Table) -> tuple[Floats, Floats]:
    """(P,) the share of the completions that give the most frequent answer, and whether the majority is right."""
    share = np.array([ballot.pool.counts[0].max(initial=0.0) / ballot.size for ballot in table.ballots])
    return share, table.elected(aggregator("majority"), table.n)


def _confidence(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    share, right = _agreement(table)
    area = Effect.of(auroc(share, right > 0.5, table.clusters))
    return (area.less(0.5),)


def _threshold(evidence: Evidence) -> Sequence[Effect]:
    """Each half of the templates gets the least threshold that was accurate enough on the other half."""
    table = evidence.table("ladder")
    share, right = _agreement(table)
    fold = folds(table.ballots, 2, evidence.seed)
    kept = np.zeros(len(share), dtype=bool)
    for side in (0, 1):
        other = fold != side
        passed = [least for least in sorted(set(share[other])) if right[other & (share >= least)].mean() >= WANTED]
        kept |= (fold == side) & (share >= passed[0]) if passed else False
    if not kept.any():
        raise NotTestable(f"no threshold on agreement has an accuracy of {WANTED} on half of the problems")
    accuracy = Effect.of(cluster_share((right * kept).tolist(), kept.astype(float).tolist(), table.clusters, estimand=""))
    return accuracy.less(WANTED), Effect(accuracy.value - float(right.mean()), len(right))


MEASURES = {
    "regression-to-the-mean": _regression,
    "best-of-many-settings": _best_of_settings,
    "agreement-is-confidence": _confidence,
    "threshold-holds-elsewhere": _threshold,
}
