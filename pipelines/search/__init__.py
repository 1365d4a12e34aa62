"""Search over begun answers: policies that say where a tree grows, and processes that score what is not finished yet."""

from collections.abc import Callable, Mapping

from pipelines.by_name import ByName
from pipelines.search.partial import Process
from pipelines.search.tree import SearchPolicy

POLICIES: Mapping[str, Callable[..., SearchPolicy]] = ByName(
    {
        "beam": "pipelines.search.beam:Beam",
        "best_of_n": "pipelines.search.best_of_n:BestOfN",
        "particles": "pipelines.search.particles:Particles",
    }
)
PROCESSES: Mapping[str, Callable[..., Process]] = ByName(
    {
        "lines": "pipelines.search.lines:Lines",
        "logprob": "pipelines.search.log_prob:LogProb",
        "none": "pipelines.search.constant:Constant",
    }
)
