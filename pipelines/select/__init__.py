"""Which rollouts of a problem to keep: one decision each, always with a reason."""

from collections.abc import Callable, Mapping

from pipelines.protocols import Selector
from pipelines.select.decide import REASONS
from pipelines.select.elected import Elected
from pipelines.select.of_steps import OfSteps
from pipelines.select.quota import AllCorrect, Quota, QuotaByDifficulty, Vanilla

SELECTORS: Mapping[str, Callable[..., Selector]] = {
    "all_correct": AllCorrect,
    "elected": Elected,
    "quota": Quota,
    "prop2diff": QuotaByDifficulty,
    "vanilla": Vanilla,
}

__all__ = ["REASONS", "SELECTORS", "AllCorrect", "Elected", "OfSteps", "Quota", "QuotaByDifficulty", "Vanilla"]
