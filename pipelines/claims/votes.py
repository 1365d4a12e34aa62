"""Claims about choosing one answer out of many by votes and scores: Borda, best of n, Best-of-Majority, the shortest."""

from collections.abc import Sequence

import numpy as np

from pipelines.aggregate.best_of import BestOfMajority, BestOfN
from pipelines.aggregate.majority import Borda, Majority
from pipelines.claims.claim import Claim
from pipelines.claims.effects import Effect, Prediction
from pipelines.claims.evidence import Evidence, Table
from pipelines.stats import cluster_mean, selected_of_ks
from storage.pool import Floats

CERTAINTY = "Kang et al. 2025, Scalable Best-of-N Selection via Self-Certainty, arXiv:2502.18581"
SCORE = "self_certainty"
BY_CERTAINTY, BY_LIKELIHOOD = BestOfN(SCORE), BestOfN("logprob_per_token")


def _best_falls(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    most = table.elected(BY_CERTAINTY, table.n)
    return (
        table.difference(table.elected(BY_CERTAINTY, table.few), most),
        table.difference(table.elected(Majority(), table.n), most),
    )


def _borda(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    borda = table.elected(Borda(SCORE, 0.5), table.n)
    others = (table.elected(Majority(), table.n), table.elected(BY_CERTAINTY, table.n))
    return tuple(table.difference(other, borda) for other in others)


def _rank(evidence: Evidence) -> Sequence[Effect]:
    table = _scored(evidence)
    return (table.difference(table.elected(BY_LIKELIHOOD, table.n), table.elected(Majority(), table.n)),)


def _best_of_majority(evidence: Evidence) -> Sequence[Effect]:
    table, chosen = _scored(evidence), BestOfMajority(SCORE, 0.1)
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


CLAIMS = (
    Claim(
        name="certainty-best-of-n-falls",
        source=CERTAINTY,
        statement="The completion with the greatest self-certainty gets worse with more of them and loses to a vote.",
        expected=(
            Prediction("best of n by self-certainty: all completions - a quarter of them", "-", 0.03),
            Prediction("all completions: best of n by self-certainty - majority", "-", 0.05),
        ),
        measure=_best_falls,
        pools=("unseen",),
        reach="Self-certainty of one small model with a vocabulary of 48 tokens; the paper's models are of 7B and more.",
    ),
    Claim(
        name="certainty-borda",
        source=CERTAINTY,
        statement="Borda voting by self-certainty (p = .5) beats the majority vote and the best of n by self-certainty.",
        expected=(
            Prediction("all completions: Borda - majority", "+", 0.01),
            Prediction("all completions: Borda - best of n", "+", 0.05),
        ),
        measure=_borda,
        pools=("unseen",),
        reach="The paper's p = .5 and no other; nothing is chosen on these problems. One small model.",
    ),
    Claim(
        name="vote-beats-likelihood",
        source="Wang et al. 2022, Self-Consistency, arXiv:2203.11171",
        statement="A majority vote beats taking the completion with the greatest mean log-probability.",
        expected=(Prediction("all completions: majority - best of n by mean log-probability", "+", 0.01),),
        measure=_rank,
        pools=("unseen",),
        reach="A model trained on these kinds of problems is better calibrated than the paper's; the sign may differ.",
    ),
    Claim(
        name="best-of-majority-in-n",
        source="Best-of-Majority 2025 (docs/aggregation.md)",
        statement="With a threshold on votes (alpha = .1), choosing by a flawed score falls no more with N.",
        expected=(
            Prediction("best-of-majority by self-certainty: all completions - a quarter of them", "no fall", 0.03),
            Prediction("all completions: best-of-majority - best of n", "+", 0.05),
        ),
        measure=_best_of_majority,
        pools=("unseen",),
        reach="One alpha, one answer handed in (k = 1), and the stored self-certainty in place of a reward model.",
    ),
    Claim(
        name="shorter-is-right",
        source="Hassid et al. 2025, Don't Overthink It, arXiv:2505.17813",
        statement="Wrong completions of a problem are longer than right ones; the shortest of several beats one by lot.",
        expected=(
            Prediction("tokens of wrong completions / tokens of right ones of the same problem - 1", "+", 0.02),
            Prediction("shortest of a quarter of the completions - pass@1", "+", 0.02),
        ),
        measure=_shorter,
        pools=("unseen",),
        reach="The model writes no thoughts beside its steps; the paper is about long reasoning.",
    ),
    Claim(
        name="shorter-is-right-recorded",
        source="Hassid et al. 2025, Don't Overthink It, arXiv:2505.17813",
        statement="Of recorded solutions of MATH problems by a 7B model wrong ones are longer than right ones.",
        expected=(Prediction("letters of wrong solutions / letters of right ones of the same problem - 1", "+", 0.02),),
        measure=_shorter_recorded,
        pools=("math",),
        recorded=True,
        reach="50 problems with eight solutions each; only those with a right and a wrong one count. Letters, not tokens.",
    ),
)
