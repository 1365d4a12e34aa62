"""Synthesis of problems: the registries of synthesizers, and of transforms of a benchmark.

Executable templates are under library/, synthesizers that derive problems from others under derived/.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from storage.ground.by_name import ByName
from storage.ground.records import Problem

SYNTHESIZERS: Mapping[str, type[Any]] = ByName(
    {
        "templates": "pipelines.synthesize.templates:Templates",
        "template_shares": "pipelines.synthesize.template_shares:TemplateShares",
        "reasoning_gym": "pipelines.synthesize.reasoning_gym:ReasoningGym",
        "composed": "pipelines.synthesize.derived.composed:Composed",
        "renumbered": "pipelines.synthesize.derived.renumbered:Renumbered",
        "distractors": "pipelines.synthesize.derived.distractors:Distractors",
        "rewritten": "pipelines.synthesize.derived.written.rewritten:Rewritten",
        "grid": "pipelines.synthesize.derived.grid:Grid",
        "archive": "pipelines.synthesize.derived.archive:Archive",
        "self_instruct": "pipelines.synthesize.derived.written.self_instruct:SelfInstruct",
        "attributes": "pipelines.synthesize.derived.written.attributes:Attributes",
    }
)
TRANSFORMS: Mapping[str, Callable[[Sequence[Problem], int], list[Problem]]] = ByName(
    {
        "chains": "pipelines.synthesize.derived.chains:chains",
        "new_numbers": "pipelines.synthesize.derived.new_numbers:new_numbers",
        "none_of_the_above": "pipelines.synthesize.derived.none_of_the_above:none_of_the_above",
    }
)
"""Pure functions of a benchmark's problems and a seed that make it harder, or show whether a model knows it by heart."""
