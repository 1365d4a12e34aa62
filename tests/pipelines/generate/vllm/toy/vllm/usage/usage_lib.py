"""Kinds of use, for which vLLM has defaults."""

from enum import StrEnum


class UsageContext(StrEnum):
    """The one of offline work."""

    LLM_CLASS = "LLM_CLASS"
