"""Selection of the rollouts of a problem: one decision each, always with a reason."""

from collections.abc import Callable, Mapping

from pipelines.protocols import Selector
from pipelines.select.decide import REASONS
from pipelines.select.elected import Elected
from pipelines.select.of_steps import OfSteps, behind_steps
from pipelines.select.quota import AllCorrect, Quota, QuotaByDifficulty, Vanilla
from storage.ground.by_name import ByName

SELECTORS: Mapping[str, Callable[..., Selector]] = ByName(
    {
        "all_correct": AllCorrect,
        "elected": Elected,
        "quota": Quota,
        "prop2diff": QuotaByDifficulty,
        "vanilla": Vanilla,
    }
)

__all__ = [
    "REASONS",
    "SELECTORS",
    "AllCorrect",
    "Elected",
    "OfSteps",
    "Quota",
    "QuotaByDifficulty",
    "Vanilla",
    "behind_steps",
]
