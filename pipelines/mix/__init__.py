"""Set methods: they choose a whole set of rows from the candidates of a source or of a mixture of sources."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.mix.table import SetMethod

SET_METHODS: Mapping[str, Callable[..., "SetMethod"]] = ByName(
    {
        "uniform": "rollmill.pipelines.mix.uniform:Uniform",
        "best": "rollmill.pipelines.mix.best:Best",
        "constrained": "rollmill.pipelines.mix.constrained:Constrained",
        "margin_correct": "rollmill.pipelines.mix.margin_correct:MarginCorrect",
        "strata": "rollmill.pipelines.mix.quotas.quota:Strata",
        "facility": "rollmill.pipelines.mix.greedy.facility:Facility",
        "information": "rollmill.pipelines.mix.greedy.information:Information",
        "clusters": "rollmill.pipelines.mix.quotas.clusters:Clusters",
        "temperature": "rollmill.pipelines.mix.quotas.temperature:Temperature",
        "rehearsal": "rollmill.pipelines.mix.quotas.rehearsal:Rehearsal",
        "multistage": "rollmill.pipelines.mix.multistage:Multistage",
        "quad": "rollmill.pipelines.mix.targets.quad:Quad",
        "mona": "rollmill.pipelines.mix.targets.mona:Mona",
    }
)
