"""Decoders: methods that make a text of next-token distributions, which a recipe names under `generate.decode`."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.by_name import ByName

if TYPE_CHECKING:
    from rollmill.pipelines.generate.decoders.decoder import Decoder

DECODERS: Mapping[str, Callable[..., "Decoder"]] = ByName(
    {
        "beam": "rollmill.pipelines.generate.decoders.token_beam:TokenBeam",
        "constrained": "rollmill.pipelines.generate.decoders.constrained:ConstrainedText",
        "masked": "rollmill.pipelines.generate.decoders.constrained:MaskedText",
        "speculative": "rollmill.pipelines.generate.decoders.speculative:Speculative",
    }
)
