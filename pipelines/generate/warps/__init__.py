"""Warps: changes of the distribution of each token, which a recipe names under `generate`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.generate.warps.warp import Warp

WARPS: Mapping[str, Callable[..., "Warp"]] = ByName(
    {
        "epsilon": "rollmill.pipelines.generate.warps.epsilon:Epsilon",
        "eta": "rollmill.pipelines.generate.warps.eta:Eta",
        "min_p": "rollmill.pipelines.generate.warps.min_p:MinP",
        "top_h": "rollmill.pipelines.generate.warps.top_h:TopH",
        "top_n_sigma": "rollmill.pipelines.generate.warps.top_n_sigma:TopNSigma",
        "typical": "rollmill.pipelines.generate.warps.typical:Typical",
    }
)
