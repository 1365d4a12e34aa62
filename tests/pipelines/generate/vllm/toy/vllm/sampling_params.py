"""The values that requests carry."""

from enum import Enum
from typing import Any


class RequestOutputKind(Enum):
    """Only the last word."""

    FINAL_ONLY = 2


class StructuredOutputsParams:
    """One guide."""

    def __init__(self, **given: Any) -> None:
        self.given = given


class SamplingParams:
    """Whatever is given; a temperature above 2 is refused, as the real one refuses much."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)
        if given["temperature"] > 2:
            raise VLLMValidationError(f"temperature must be at most 2, got {given['temperature']}.")


class VLLMValidationError(ValueError):
    """What vLLM raises for a request."""
