"""Allocators: they choose which model, prompt, setting, source or group of problems gets the next completions.

A budget distributes completions over problems, an allocator over arms. Its choice is reported on problems that did not make
it (`rollmill replay --allocator`).
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
        "bridge": "pipelines.allocate.lists.bridge:Bridge",
        "ease": "pipelines.allocate.lists.ease:Ease",
    }
)
BASELINE = "uniform"
