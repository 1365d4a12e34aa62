"""The graph of steps that a run or a version recorded at its drawing."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.roles.engine_roles import MODEL_FREE
from rollmill.steps.graph import StepGraph, StepRule
from rollmill.steps.step_template import Template, places_of

_AS_THEY_ARE = ("count", "most", "gather", "turn", "role", "read", "want", "repeat", "swap", "sees_label")


def recorded_graph(steps: Sequence[Mapping[str, Any]]) -> StepGraph:
    """The graph of recorded steps. `steps`: rows of `rollmill.ground.recipe_steps.recorded_steps`; for a recipe
    without steps, one step without a name.
    """
    rules: list[StepRule] = []
    for step in steps:
        rules.append(_rule(step, rules))
    return StepGraph(rules or [StepRule("")])


def _rule(step: Mapping[str, Any], before: Sequence[StepRule]) -> StepRule:
    told: Any = step["template"]
    template: Template = told if isinstance(told, str) else tuple((turn["role"], turn["content"]) for turn in told)
    earlier = [rule.name for rule in before]
    return StepRule(
        step["name"],
        template,
        when={key: tuple(values) for key, values in step.get("when", {}).items()},
        options=with_places(step.get("options", {}), earlier),
        raw=step.get("engine") in MODEL_FREE or step.get("turn") == "continue",
        searched=_is_searched(step, before),
        **{key: step[key] for key in _AS_THEY_ARE if key in step},
    )


def _is_searched(step: Mapping[str, Any], before: Sequence[StepRule]) -> bool:
    """True if a search decided when the step was drawn: the first step, where it is no answer, and the steps after it."""
    if not before:
        return bool(step.get("role", "answer") != "answer")
    first = before[0]
    return first.searched and bool(step["template"] == f"{{{first.name}}}")


def with_places(options: Mapping[str, Any], earlier: Sequence[str]) -> dict[str, str]:
    """The options of an engine that earlier steps fill."""
    return {key: value for key, value in options.items() if isinstance(value, str) and places_of(value, earlier)}
