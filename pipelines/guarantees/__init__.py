"""Guarantees about rollouts that nobody judged, from a simple random sample that people judged."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.guarantees.judged_sample import Guarantee

GUARANTEES: Mapping[str, Callable[..., "Guarantee"]] = ByName(
    {
        "batch": "rollmill.pipelines.guarantees.batch:BatchBound",
        "fdr": "rollmill.pipelines.guarantees.fdr:FalseDiscoveryRate",
    }
)
