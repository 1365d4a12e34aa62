"""Acceptance policies: from the verdicts of several verifiers on one rollout to the one that counts. One file per method.

A policy is versioned and applied when rollouts are selected, so another one re-selects without judging anything again.
`docs/policies.md` has the truth tables.
"""

from collections.abc import Callable, Mapping

from pipelines.verify.acceptance.all_of import AllOf
from pipelines.verify.acceptance.any_of import AnyOf
from pipelines.verify.acceptance.first_decided import FirstDecided
from pipelines.verify.acceptance.majority import Majority
from pipelines.verify.acceptance.min_value import MinValue
from pipelines.verify.acceptance.policy import PREFIX, Policy, accepted, asks, check_names, lacking, used
from pipelines.verify.acceptance.prefer import Prefer

POLICIES: Mapping[str, Callable[..., Policy]] = {
    "first_decided": FirstDecided,
    "all_of": AllOf,
    "any_of": AnyOf,
    "majority": Majority,
    "min_value": MinValue,
    "prefer": Prefer,
}
PLAIN: Policy = FirstDecided()
"""What a recipe without `accept` means."""

__all__ = ["PLAIN", "POLICIES", "PREFIX", "Policy", "accepted", "asks", "check_names", "lacking", "used"]
