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
        "strata": "rollmill.pipelines.mix.quotas.quota:Strata",
        "temperature": "rollmill.pipelines.mix.quotas.temperature:Temperature",
        "mona": "rollmill.pipelines.mix.targets.mona:Mona",
    }
)
