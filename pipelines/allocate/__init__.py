"""Allocation: where the next completions go, among models, prompts, settings, sources or groups of problems.

A budget shares completions out over problems; an allocator decides one level above, over arms. What it chose is reported on
other problems than chose it (`rollmill replay --allocator`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.allocate.arms import Allocator

ALLOCATORS: Mapping[str, "type[Allocator]"] = ByName(
    {
        "uniform": "pipelines.allocate.uniform:UniformAllocator",
        "ucb": "pipelines.allocate.ucb:Ucb",
        "thompson": "pipelines.allocate.thompson:Thompson",
        "halving": "pipelines.allocate.halving:Halving",
        "brackets": "pipelines.allocate.halving:Brackets",
        "dump": "pipelines.allocate.dump:Dump",
        "equitable": "pipelines.allocate.equitable:Equitable",
        "mastering": "pipelines.allocate.mastering:Mastering",
        "ranking": "pipelines.allocate.ranking:Ranking",
    }
)
BASELINE = "uniform"
