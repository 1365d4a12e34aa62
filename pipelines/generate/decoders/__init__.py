"""Decoders: methods that make a text of next-token distributions, which a recipe names under `generate.decode`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from storage.ground.by_name import ByName

if TYPE_CHECKING:
    from pipelines.generate.decoders.decoder import Decoder

DECODERS: Mapping[str, Callable[..., "Decoder"]] = ByName(
    {
        "beam": "pipelines.generate.decoders.token_beam:TokenBeam",
        "constrained": "pipelines.generate.decoders.constrained:ConstrainedText",
        "masked": "pipelines.generate.decoders.constrained:MaskedText",
        "speculative": "pipelines.generate.decoders.speculative:Speculative",
    }
)
