"""Synthesis of problems: the registries of synthesizers, and of transforms of a benchmark.

Executable templates are under library/, synthesizers that derive problems from others under derived/.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.ground.records import Problem

SYNTHESIZERS: Mapping[str, type[Any]] = ByName(
    {
        "templates": "rollmill.pipelines.synthesize.templates:Templates",
        "template_shares": "rollmill.pipelines.synthesize.template_shares:TemplateShares",
        "reasoning_gym": "rollmill.pipelines.synthesize.reasoning_gym:ReasoningGym",
        "composed": "rollmill.pipelines.synthesize.derived.composed:Composed",
        "renumbered": "rollmill.pipelines.synthesize.derived.renumbered:Renumbered",
        "distractors": "rollmill.pipelines.synthesize.derived.distractors:Distractors",
        "rewritten": "rollmill.pipelines.synthesize.derived.written.rewritten:Rewritten",
        "fitted": "rollmill.pipelines.synthesize.fitted:Fitted",
        "grid": "rollmill.pipelines.synthesize.derived.grid:Grid",
        "archive": "rollmill.pipelines.synthesize.derived.archive:Archive",
        "self_instruct": "rollmill.pipelines.synthesize.derived.written.self_instruct:SelfInstruct",
        "abstractions": "rollmill.pipelines.synthesize.derived.written.abstractions:Abstractions",
        "attributes": "rollmill.pipelines.synthesize.derived.written.attributes:Attributes",
    }
)
TRANSFORMS: Mapping[str, Callable[[Sequence[Problem], int], list[Problem]]] = ByName(
    {
        "chains": "rollmill.pipelines.synthesize.derived.chains:chains",
        "new_numbers": "rollmill.pipelines.synthesize.derived.new_numbers:new_numbers",
        "other_answer": "rollmill.pipelines.synthesize.derived.other_answer:other_answer",
        "none_of_the_above": "rollmill.pipelines.synthesize.derived.none_of_the_above:none_of_the_above",
    }
)
"""Pure functions of a benchmark's problems and a seed that make it harder, or show whether a model knows it by heart."""
