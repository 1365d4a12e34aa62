"""Methods that choose a whole set of rows: from the candidates of a source, or of a mixture of sources."""

from collections.abc import Callable, Mapping

from pipelines.mix.table import SetMethod
from storage.ground.by_name import ByName

SET_METHODS: Mapping[str, Callable[..., SetMethod]] = ByName(
    {
        "uniform": "pipelines.mix.uniform:Uniform",
        "best": "pipelines.mix.best:Best",
        "strata": "pipelines.mix.quota:Strata",
    }
)
