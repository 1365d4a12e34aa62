"""Synthesis of problems: the registries of synthesizers, and of transforms of a benchmark.

Executable templates are under library/, synthesizers that derive problems from others under derived/.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.synthesize.derived.archive import Archive
from pipelines.synthesize.derived.chains import chains
from pipelines.synthesize.derived.composed import Composed
from pipelines.synthesize.derived.distractors import Distractors
from pipelines.synthesize.derived.grid import Grid
from pipelines.synthesize.derived.new_numbers import new_numbers
from pipelines.synthesize.derived.none_of_the_above import none_of_the_above
from pipelines.synthesize.derived.renumbered import Renumbered
from pipelines.synthesize.derived.written.attributes import Attributes
from pipelines.synthesize.derived.written.rewritten import Rewritten
from pipelines.synthesize.derived.written.self_instruct import SelfInstruct
from pipelines.synthesize.reasoning_gym import ReasoningGym
from pipelines.synthesize.splits import problems_for_training
from pipelines.synthesize.templates import Templates, regenerate
from storage.ground.by_name import ByName
from storage.ground.records import Problem

SYNTHESIZERS: Mapping[str, type[Any]] = ByName(
    {
        "templates": Templates,
        "template_shares": "pipelines.synthesize.template_shares:TemplateShares",
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
)
TRANSFORMS: Mapping[str, Callable[[Sequence[Problem], int], list[Problem]]] = ByName(
    {
        "chains": chains,
        "new_numbers": new_numbers,
        "none_of_the_above": none_of_the_above,
    }
)
"""Pure functions of a benchmark's problems and a seed that make it harder, or show whether a model knows it by heart."""

__all__ = [
    "SYNTHESIZERS",
    "TRANSFORMS",
    "Composed",
    "Renumbered",
    "Templates",
    "problems_for_training",
    "regenerate",
]
