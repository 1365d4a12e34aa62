"""Claims about choosing one answer out of many by votes and scores: Borda, best of n, Best-of-Majority, the shortest."""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import Effect, Floats, cluster_mean, selected_of_ks
from rollmill_papers.claims.evidence import Evidence, Table, aggregator

SCORE = "self_certainty"
BY_CERTAINTY, BY_LIKELIHOOD = aggregator("best_of_n", score=SCORE), aggregator("best_of_n", score="logprob_per_token")


def _best_grows(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    return (table.difference(table.elected(BY_CERTAINTY, table.few), table.elected(BY_CERTAINTY, table.n)),)


def _best_loses(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    return (table.difference(table.elected(aggregator("majority"), table.n), table.elected(BY_CERTAINTY, table.n)),)


def _borda(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    borda = table.elected(aggregator("borda", score=SCORE, p=0.5), table.n)
    others = (table.elected(aggregator("majority"), table.n), table.elected(BY_CERTAINTY, table.n))
    return tuple(table.difference(other, borda) for other in others)


def _rank(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    return (table.difference(table.elected(BY_LIKELIHOOD, table.n), table.elected(aggregator("majority"), table.n)),)


def _best_of_majority(evidence: Evidence) -> Sequence[Effect]:
    table, chosen = _scored(evidence), aggregator("best_of_majority", score=SCORE, alpha=0.1)
    most = table.elected(chosen, table.n)
    return (
        table.difference(table.elected(chosen, table.few), most),
        table.difference(table.elected(BY_CERTAINTY, table.n), most),
    )


def _scored(evidence: Evidence) -> Table:
    table = evidence.table("unseen")
    for name in (SCORE, "logprob_per_token"):
        table.score(name)  # NotTestable without
    return table


def _shorter(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    return _longer_when_wrong(table, table.tokens.astype(float)), _shortest(table)


def _shorter_recorded(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("math")
    return (_longer_when_wrong(table, table.score("length")),)


def _longer_when_wrong(table: Table, lengths: Floats) -> Effect:
    """Mean over problems with both kinds of (mean length of the wrong ones / mean length of the right ones) - 1."""
    both = (table.correct > 0) & (table.correct < table.n)
    right = table.right[both]
    means = [np.where(kind, lengths[both], 0).sum(axis=1) / kind.sum(axis=1) for kind in (right, ~right)]
    clusters = [cluster for cluster, kept in zip(table.clusters, both.tolist(), strict=True) if kept]
    ratios = (means[1] / means[0] - 1.0).tolist()
    return Effect.of(cluster_mean(ratios, clusters, estimand="length of wrong completions beside right ones"))


def _shortest(table: Table) -> Effect:
    """The accuracy of the shortest of a quarter of the completions, less pass@1."""
    chosen = selected_of_ks(table.right.astype(float), -table.tokens.astype(float), [table.few])[:, 0]
    return table.difference(table.pass_at(1), chosen)


MEASURES = {
    "certainty-grows-with-n": _best_grows,
    "certainty-loses-to-vote": _best_loses,
    "certainty-borda": _borda,
    "vote-beats-likelihood": _rank,
    "best-of-majority-in-n": _best_of_majority,
    "shorter-is-right": _shorter,
    "shorter-is-right-recorded": _shorter_recorded,
}
