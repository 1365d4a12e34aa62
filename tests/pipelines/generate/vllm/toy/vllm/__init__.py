"""A vLLM in which a model's text is a function of prompt and seed, for tests of all that stands around the real one."""

from dataclasses import dataclass, field
from typing import Any

from vllm.sampling_params import SamplingParams  # noqa: TID253 (this is the toy)

__all__ = ["EngineArgs", "SamplingParams"]
__version__ = "0.0.toy"


@dataclass
class EngineArgs:
    """The arguments that every test may look at in the log."""

    model: str
    max_num_seqs: int = 4
    max_model_len: int = 64
    others: dict[str, Any] = field(default_factory=dict)

    def __init__(self, **given: Any) -> None:
        self.model = given.pop("model")
        self.max_num_seqs = given.pop("max_num_seqs", 4)
        self.max_model_len = given.pop("max_model_len", 64)
        self.others = given
        print("ARGUMENTS", sorted(given.items()), flush=True)  # noqa: T201
