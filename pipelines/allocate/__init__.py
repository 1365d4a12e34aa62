"""Allocation: where the next completions go, among models, prompts, settings, sources or groups of problems.

A budget shares completions out over problems; an allocator decides one level above, over arms. What it chose is reported on
other problems than chose it (`rollmill replay --allocator`).
"""

from collections.abc import Mapping

from pipelines.allocate.arms import Allocator, Arm, Pull
from pipelines.allocate.dump import Dump
from pipelines.allocate.halving import Brackets, Halving
from pipelines.allocate.mastering import Mastering
from pipelines.allocate.ranking import Ranking
from pipelines.allocate.thompson import Thompson
from pipelines.allocate.ucb import Ucb
from pipelines.allocate.uniform import UniformAllocator
from storage.ground.by_name import ByName

ALLOCATORS: Mapping[str, type[Allocator]] = ByName(
    {
        "uniform": UniformAllocator,
        "ucb": Ucb,
        "thompson": Thompson,
        "halving": Halving,
        "brackets": Brackets,
        "dump": Dump,
        "mastering": Mastering,
        "ranking": Ranking,
    }
)
BASELINE = "uniform"

__all__ = ["ALLOCATORS", "BASELINE", "Allocator", "Arm", "Pull"]
