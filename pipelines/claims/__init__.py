"""Published claims as mechanism checks: what a paper says, the effect that it predicts with sign and size, and its check.

One file per family of claims, pure functions over pools. Each estimate comes from `pipelines.metrics`, `pipelines.stats`
and `pipelines.aggregate`. `flows.claims` draws the pools and stores what was measured.
"""

from collections.abc import Mapping

from pipelines.claims import budgets, coverage, intervals, rewards, selection, simulations, stopping, verifiers, votes
from pipelines.claims.claim import Claim, Finding, findings, status
from pipelines.claims.effects import Effect, NotTestable, Prediction
from pipelines.claims.evidence import Evidence

_FAMILIES = (coverage, votes, stopping, budgets, verifiers, selection, intervals, simulations, rewards)
CLAIMS: Mapping[str, Claim] = {claim.name: claim for family in _FAMILIES for claim in family.CLAIMS}

__all__ = [
    "CLAIMS",
    "Claim",
    "Effect",
    "Evidence",
    "Finding",
    "NotTestable",
    "Prediction",
    "findings",
    "status",
]
