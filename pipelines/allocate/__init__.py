"""Allocators: they choose which model, prompt, setting, source or group of problems gets the next completions.

A budget distributes completions over problems, an allocator over arms. Its choice is reported on problems that did not make
it (`rollmill replay --allocator`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.allocate.arms import Allocator

ALLOCATORS: Mapping[str, "type[Allocator]"] = ByName(
    {
        "uniform": "rollmill.pipelines.allocate.uniform:UniformAllocator",
        "ucb": "rollmill.pipelines.allocate.ucb:Ucb",
        "thompson": "rollmill.pipelines.allocate.thompson:Thompson",
        "halving": "rollmill.pipelines.allocate.halving:Halving",
        "brackets": "rollmill.pipelines.allocate.halving:Brackets",
        "mastering": "rollmill.pipelines.allocate.mastering:Mastering",
    }
)
BASELINE = "uniform"
