"""Methods that choose a whole set of rows: from the candidates of a source, or of a mixture of sources."""

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
        "strata": "pipelines.mix.quota:Strata",
    }
)
