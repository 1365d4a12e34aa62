"""Round policies: what a loop changes between rounds, in keys of its recipes and in weights of its rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.train.between.roles import RoundPolicy

ROUND_POLICIES: Mapping[str, Callable[..., "RoundPolicy"]] = ByName(
    {
        "hpt": "pipelines.train.between.hpt:Hpt",
        "itool": "pipelines.train.between.itool:Itool",
        "toolace_r": "pipelines.train.between.toolace_r:ToolaceR",
        "gvm_norms": "pipelines.train.between.gvm_norms:GvmNorms",
        "mastering_rate": "pipelines.train.between.mastering_rate:MasteringRate",
        "targeted": "pipelines.train.between.targeted:Targeted",
    }
)
