"""The steps of a recipe as runs and versions record it, under the words of older ones too: a step was once called an arm.

Whoever reads a recorded recipe, or the column of a stored row that names its step, asks here.
"""

from collections.abc import Collection, Mapping
from typing import Any

OLD_COLUMN = "arm"


def recorded_steps(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a recorded recipe in its order, each with its `name` and `template`; none where it names none."""
    if "steps" in recipe:
        return list(recipe["steps"])
    return [{**arm, "template": arm.get("form", "{prompt}")} for arm in recipe.get("arms", ())]


def step_names(recipe: Mapping[str, Any]) -> list[str]:
    """Their names."""
    return [str(step["name"]) for step in recorded_steps(recipe)]


def step_roles(recipe: Mapping[str, Any]) -> dict[str, str]:
    """The role of each by its name: answer, step or vote."""
    return {str(step["name"]): str(step.get("role", "answer")) for step in recorded_steps(recipe)}


def unjudged_steps(recipe: Mapping[str, Any]) -> list[str]:
    """The names of those whose completions nobody judges."""
    return [name for name, role in step_roles(recipe).items() if role != "answer"]


def has_follow_ups(recipe: Mapping[str, Any]) -> bool:
    """Whether a step names an earlier one, in its template, its options or its conditions."""
    earlier: list[str] = []
    for step in recorded_steps(recipe):
        template = step.get("template", "")
        texts = [template] if isinstance(template, str) else [turn["content"] for turn in template]
        texts += [value for value in step.get("options", {}).values() if isinstance(value, str)]
        if step.get("when") or any("{pair}" in text for text in texts):
            return True
        if any(f"{{{name}{end}" in text for name in earlier for end in "}.*" for text in texts):
            return True
        earlier.append(str(step["name"]))
    return False


def first_step(recipe: Mapping[str, Any]) -> str:
    """The name of the first one, which alone the rates of a run are over; "" where there is none."""
    return next(iter(step_names(recipe)), "")


def step_column(columns: Collection[str], table: str = "") -> str:
    """The SQL of the step of a row in a table with these columns; '' where it has none."""
    for name in ("step", OLD_COLUMN):
        if name in columns:
            return f"coalesce({table}{name}, '')"
    return "''"
