"""How many distinct correct solutions there are. When two are the same is storage.solutions' to say; knows no selector."""

from collections.abc import Iterable

from storage.records import Rollout
from storage.solutions import key_of_completion, normal_form, solution_key, solution_text

__all__ = ["distinct_solutions", "key_of_completion", "normal_form", "solution_key", "solution_text"]


def distinct_solutions(rollouts: Iterable[Rollout]) -> int:
    """How many distinct correct solutions there are; what quotas keep and what budgets draw for."""
    keys = {key_of_completion(rollout.completion) for rollout in rollouts if rollout.verdict.outcome == "correct"}
    return len(keys - {None})
