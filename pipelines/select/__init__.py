"""Selection of the rollouts of a problem: one decision each, always with a reason."""

from collections.abc import Callable, Mapping

from pipelines.protocols import Selector
from storage.ground.by_name import ByName

SELECTORS: Mapping[str, Callable[..., Selector]] = ByName(
    {
        "all_correct": "pipelines.select.quota:AllCorrect",
        "certified": "pipelines.select.certified:Certified",
        "elected": "pipelines.select.elected:Elected",
        "quota": "pipelines.select.quota:Quota",
        "prop2diff": "pipelines.select.quota:QuotaByDifficulty",
        "vanilla": "pipelines.select.quota:Vanilla",
    }
)
