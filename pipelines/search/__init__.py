"""Search over begun answers: policies that say where a tree grows, and processes that score what is not finished yet."""

from collections.abc import Mapping
from typing import Any

from pipelines.search.beam import Beam
from pipelines.search.best_of_n import BestOfN
from pipelines.search.constant import Constant
from pipelines.search.log_prob import LogProb
from pipelines.search.particles import Particles
from pipelines.search.lines import Lines

POLICIES: Mapping[str, type[Any]] = {
    "best_of_n": BestOfN,
    "beam": Beam,
    "particles": Particles,
}
PROCESSES: Mapping[str, type[Any]] = {
    "lines": Lines,
    "logprob": LogProb,
    "none": Constant,
}
