"""Round policies: what a loop changes between rounds, in keys of its recipes and in weights of its rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.train.between.roles import RoundPolicy

ROUND_POLICIES: Mapping[str, Callable[..., "RoundPolicy"]] = ByName(
    {
        "hpt": "rollmill.pipelines.train.between.hpt:Hpt",
        "itool": "rollmill.pipelines.train.between.itool:Itool",
        "toolace_r": "rollmill.pipelines.train.between.toolace_r:ToolaceR",
        "gvm_norms": "rollmill.pipelines.train.between.gvm_norms:GvmNorms",
        "mastering_rate": "rollmill.pipelines.train.between.mastering_rate:MasteringRate",
        "targeted": "rollmill.pipelines.train.between.targeted:Targeted",
    }
)
