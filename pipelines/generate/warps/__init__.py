"""Warps: changes of the distribution of each token, which a recipe names under `generate`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.generate.warps.warp import Warp

WARPS: Mapping[str, Callable[..., "Warp"]] = ByName(
    {
        "epsilon": "pipelines.generate.warps.epsilon:Epsilon",
        "eta": "pipelines.generate.warps.eta:Eta",
        "min_p": "pipelines.generate.warps.min_p:MinP",
        "top_h": "pipelines.generate.warps.top_h:TopH",
        "top_n_sigma": "pipelines.generate.warps.top_n_sigma:TopNSigma",
        "typical": "pipelines.generate.warps.typical:Typical",
    }
)
