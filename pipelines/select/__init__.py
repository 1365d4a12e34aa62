"""Selection of the rollouts of a problem: one decision each, always with a reason."""

from collections.abc import Callable, Mapping

from rollmill.ground.by_name import ByName
from rollmill.roles.protocols import Selector

SELECTORS: Mapping[str, Callable[..., Selector]] = ByName(
    {
        "all_correct": "rollmill.pipelines.select.quota:AllCorrect",
        "certified": "rollmill.pipelines.select.certified:Certified",
        "elected": "rollmill.pipelines.select.elected:Elected",
        "quota": "rollmill.pipelines.select.quota:Quota",
        "prop2diff": "rollmill.pipelines.select.quota:QuotaByDifficulty",
        "vanilla": "rollmill.pipelines.select.quota:Vanilla",
    }
)
