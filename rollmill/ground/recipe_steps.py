"""The engine and steps of a recipe as runs and versions record it. Older recipes call a step an arm.

Every reader of a recorded recipe, or of the column that names a row's step, uses these functions.
"""

from collections.abc import Collection, Mapping
from typing import Any

OLD_COLUMN = "arm"
IMPORTED = "imported"  # the engine without draws: the rollouts of the problems are imported
PIECES = ("piece", "next", "wait", "end", "direction", "rewritten")
"""The steps of a search that draw pieces; the first one begins answers (pipelines/search/kernel.py)."""


def takes_imports(recipe: Mapping[str, Any]) -> bool:
    """True for a recorded recipe that takes imported rollouts instead of drawing them."""
    return bool(recipe.get("generate", {}).get("engine") == IMPORTED)


def recorded_steps(recipe: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a recorded recipe in its order, each with its `name` and `template`; empty without named steps."""
    if "steps" in recipe:
        return list(recipe["steps"])
    return [{**arm, "template": arm.get("form", "{prompt}")} for arm in recipe.get("arms", ())]


def step_names(recipe: Mapping[str, Any]) -> list[str]:
    """Names of the steps."""
    return [str(step["name"]) for step in recorded_steps(recipe)]


def step_roles(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Role of each step by its name: answer, step or vote."""
    return {str(step["name"]): str(step.get("role", "answer")) for step in recorded_steps(recipe)}


def unjudged_steps(recipe: Mapping[str, Any]) -> list[str]:
    """Names of the steps with unjudged completions."""
    return [name for name, role in step_roles(recipe).items() if role != "answer"]


def has_follow_ups(recipe: Mapping[str, Any]) -> bool:
    """True for a recipe in which a step names an earlier one, in its template, its options or its conditions."""
    earlier: list[str] = []
    for step in recorded_steps(recipe):
        template = step.get("template", "")
        texts = [template] if isinstance(template, str) else [turn["content"] for turn in template]
        # Earlier steps may fill the options of an engine as well as its template.
        texts += [value for value in step.get("options", {}).values() if isinstance(value, str)]
        if step.get("when") or any("{pair}" in text for text in texts):
            return True
        # A template names a step as `{solve}`, `{solve.field}` or `{solve*}`.
        if any(f"{{{name}{end}" in text for name in earlier for end in "}.*" for text in texts):
            return True
        earlier.append(str(step["name"]))
    return False


def first_step(recipe: Mapping[str, Any]) -> str:
    """Name of the first step, the only one in the rates of a run; "" without steps."""
    return next(iter(step_names(recipe)), "")


def step_column(columns: Collection[str], table: str = "") -> str:
    """SQL expression for the step of a row in a table with these columns; '' for a table without a step column."""
    for name in ("step", OLD_COLUMN):
        if name in columns:
            # Rows of a recipe without named steps have null.
            return f"coalesce({table}{name}, '')"
    return "''"
