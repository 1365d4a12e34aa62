"""Synthesis of problems: the registries of synthesizers, and of transforms of a benchmark.

Executable templates are under library/, other families of problems under tasks/, synthesizers that derive problems from
others under derived/.
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
        "functions": "pipelines.synthesize.tasks.functions:Functions",
        "instructions": "pipelines.synthesize.tasks.instructions:Instructions",
        "dependencies": "pipelines.synthesize.tasks.dependencies:Dependencies",
        "laws": "pipelines.synthesize.tasks.science.laws:Laws",
        "recursion": "pipelines.synthesize.tasks.recursion:Recursion",
        "strategies": "pipelines.synthesize.tasks.strategies:Strategies",
        "triangles": "pipelines.synthesize.tasks.triangles:Triangles",
        "goals": "pipelines.synthesize.goals:Goals",
        "coq_library": "pipelines.synthesize.coq_library:CoqLibrary",
        "obligations": "pipelines.synthesize.obligations:Obligations",
        "addition": "pipelines.synthesize.tasks.addition:Addition",
        "conversations": "pipelines.synthesize.tasks.conversations:Dialogues",
        "number_statements": "pipelines.synthesize.tasks.number_statements:NumberStatements",
        "optimization_models": "pipelines.synthesize.tasks.optimization_models:OptimizationModels",
        "patterns": "pipelines.synthesize.tasks.patterns:Patterns",
        "composed": "pipelines.synthesize.derived.composed:Composed",
        "renumbered": "pipelines.synthesize.derived.renumbered:Renumbered",
        "distractors": "pipelines.synthesize.derived.distractors:Distractors",
        "rewritten": "pipelines.synthesize.derived.written.rewritten:Rewritten",
        "fitted": "pipelines.synthesize.fitted:Fitted",
        "grid": "pipelines.synthesize.derived.grid:Grid",
        "archive": "pipelines.synthesize.derived.archive:Archive",
        "self_instruct": "pipelines.synthesize.derived.written.self_instruct:SelfInstruct",
        "abstractions": "pipelines.synthesize.derived.written.abstractions:Abstractions",
        "attributes": "pipelines.synthesize.derived.written.attributes:Attributes",
    }
)
TRANSFORMS: Mapping[str, Callable[[Sequence[Problem], int], list[Problem]]] = ByName(
    {
        "chains": "pipelines.synthesize.derived.chains:chains",
        "new_numbers": "pipelines.synthesize.derived.new_numbers:new_numbers",
        "other_answer": "pipelines.synthesize.derived.other_answer:other_answer",
        "none_of_the_above": "pipelines.synthesize.derived.none_of_the_above:none_of_the_above",
    }
)
"""Pure functions of a benchmark's problems and a seed that make it harder, or show whether a model knows it by heart."""
