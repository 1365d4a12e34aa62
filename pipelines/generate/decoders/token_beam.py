"""The decoder `beam`: the likeliest text that a beam of tokens finds, by lengths or from the best beginning on.

Meister, Vieira & Cotterell 2020, Best-first beam search, arXiv:2007.03909: both orders give the same text, and the
best-first one computes fewer prefixes. All completions of a prompt are the same text.
"""

from dataclasses import dataclass
from typing import Literal

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Sampling
from rollmill.pipelines.generate.decoders.decoder import DecodedText, DecodeTask
from rollmill.pipelines.generate.decoding.beam import BeamLimits, beam, best_first
from rollmill.pipelines.generate.decoding.step_model import CountedModel
from rollmill.pipelines.option_checks import checked_choice, checked_count


@dataclass(frozen=True, slots=True)
class TokenBeam:
    """Needs temperature 0: it draws nothing at random."""

    name = "beam"
    version = "1"
    exact = False
    weighted = False
    width: int = 4
    """Texts of each length that are kept."""
    order: Literal["best_first", "lengths"] = "best_first"
    """Continue the best text of any length first, or all texts of a length at once."""

    def __post_init__(self) -> None:
        checked_count("decoder", self.name, "width", self.width)
        checked_choice("decoder", self.name, "order", self.order, ("best_first", "lengths"))

    def check(self, sampling: Sampling) -> None:
        """No cut, no stop string, no randomness."""
        if sampling.temperature or sampling.top_k or sampling.top_p < 1 or sampling.stop:
            raise SetupError(
                "decoder 'beam' looks for the likeliest text of the model itself.",
                choices=("temperature: 0.0, without top_k, top_p and stop",),
            )

    def decode(self, task: DecodeTask) -> DecodedText:
        """The best finished text; `target_calls` and the prefixes in them."""
        counted = CountedModel(task.model)
        limits = BeamLimits(self.width, task.until.length, task.until.end if task.until.end is not None else -1)
        text = (best_first if self.order == "best_first" else beam)(counted, limits, task.prompt)
        return DecodedText(text.tokens, {"target_calls": counted.calls, "prefixes": counted.prefixes})
