"""The part of a profile about the engine `vllm`: interpreter, devices, memory, variables. Nothing here can change a row.

Checks values; what they mean is in pipelines/generate/vllm/vllm_settings.py.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from flows.recipe.schema import Part
from flows.recipe.servers import LANES
from pipelines.generate.vllm.vllm_settings import VllmSettings

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
USUAL_SEQUENCES = 256  # what vLLM computes at once where nobody says otherwise


class VllmPart(Part):
    """How the engine runs here; what is left out is vLLM's own choice."""

    python: str | None = None
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    data_parallel: int = Field(default=1, ge=1, le=64)
    gpu_memory_utilization: float | None = Field(default=None, gt=0.0, le=1.0)
    max_num_seqs: int | None = Field(default=None, ge=1, le=65_536)
    max_num_batched_tokens: int | None = Field(default=None, ge=1)
    enforce_eager: bool | None = None
    env: dict[Variable, str] = Field(default_factory=dict)
    start_seconds: float = Field(default=900.0, gt=0.0, le=86_400.0)

    def settings(self, log: Path) -> VllmSettings:
        """What the engine is given; `log` is the file for what it prints."""
        return VllmSettings(**self.model_dump(), log=str(log))

    def lanes(self, batch_size: int) -> int:
        """Batches to draw side by side, so that no engine waits at the end of one."""
        given = 2 * (self.max_num_seqs or USUAL_SEQUENCES) * self.data_parallel
        return max(2, min(LANES, -(-given // batch_size) + 1))
