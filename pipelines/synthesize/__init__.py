"""Synthesis of problems: the registry of synthesizers.

Executable templates are under library/, what makes problems of problems is under derived/.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.synthesize.derived.archive import Archive
from pipelines.synthesize.derived.attributes import Attributes
from pipelines.synthesize.derived.composed import Composed
from pipelines.synthesize.derived.distractors import Distractors
from pipelines.synthesize.derived.grid import Grid
from pipelines.synthesize.derived.renumbered import Renumbered
from pipelines.synthesize.derived.rewritten import Rewritten
from pipelines.synthesize.derived.self_instruct import SelfInstruct
from pipelines.synthesize.reasoning_gym import ReasoningGym
from pipelines.synthesize.splits import problems_for_training
from pipelines.synthesize.templates import Templates, regenerate
from pipelines.synthesize.validation import validate

SYNTHESIZERS: Mapping[str, type[Any]] = {
    "templates": Templates,
    "reasoning_gym": ReasoningGym,
    "composed": Composed,
    "renumbered": Renumbered,
    "distractors": Distractors,
    "rewritten": Rewritten,
    "grid": Grid,
    "archive": Archive,
    "self_instruct": SelfInstruct,
    "attributes": Attributes,
}

__all__ = [
    "SYNTHESIZERS",
    "Composed",
    "ReasoningGym",
    "Renumbered",
    "Templates",
    "problems_for_training",
    "regenerate",
    "validate",
]
