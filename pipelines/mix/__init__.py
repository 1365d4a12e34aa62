"""Set methods: they choose a whole set of rows from the candidates of a source or of a mixture of sources."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.mix.table import SetMethod

SET_METHODS: Mapping[str, Callable[..., "SetMethod"]] = ByName(
    {
        "uniform": "pipelines.mix.uniform:Uniform",
        "best": "pipelines.mix.best:Best",
        "constrained": "pipelines.mix.constrained:Constrained",
        "margin_correct": "pipelines.mix.margin_correct:MarginCorrect",
        "strata": "pipelines.mix.quotas.quota:Strata",
        "facility": "pipelines.mix.greedy.facility:Facility",
        "information": "pipelines.mix.greedy.information:Information",
        "clusters": "pipelines.mix.quotas.clusters:Clusters",
        "temperature": "pipelines.mix.quotas.temperature:Temperature",
        "rehearsal": "pipelines.mix.quotas.rehearsal:Rehearsal",
        "multistage": "pipelines.mix.multistage:Multistage",
        "quad": "pipelines.mix.targets.quad:Quad",
        "mona": "pipelines.mix.targets.mona:Mona",
    }
)
