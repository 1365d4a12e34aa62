"""The arms of a recipe: `generate` with some keys changed, each with a prompt template.

An arm that names another engine starts from that engine's own options, and has to name its model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from flows.recipe.methods import Resolved
from flows.recipe.schema import Arm, Generate
from pipelines.protocols import RoutingBudget
from storage.errors import SetupError
from storage.ids import canonical_json

_OWN = ("name",)  # keys of an arm that `generate` has not
_OF_THE_RUN = ("imports", "redraw")  # keys of `generate` that are not an arm's to change
_NO_OTHER_TEXT = ("name", "max_tokens", "stop", "batch_size")  # where only these differ, equal seeds draw the same texts


@dataclass(frozen=True, slots=True)
class LoadedArm:
    """An arm with its engine found; `generate` has every key, those of the recipe's `generate` and the arm's own."""

    name: str
    prompt_template: str
    generate: Generate
    engine: Resolved

    def canonical(self, generate: dict[str, Any]) -> dict[str, Any]:
        """What of it is part of the recipe's identity; `generate` is the canonical form of the section.

        The hash of every recipe with arms holds the prompt template under its old key.
        """
        rest = {key: value for key, value in generate.items() if key not in (*_OF_THE_RUN, "prompt_template")}
        return {"name": self.name, "form": self.prompt_template, **rest}


def merged(generate: Generate, arm: Arm) -> Generate:
    """The arm's keys over those of `generate`; SetupError for a key that an arm cannot change."""
    changed = {key: value for key, value in arm if key in arm.model_fields_set and key not in _OWN}
    for key in _OF_THE_RUN:
        if changed.get(key, getattr(generate, key)) != getattr(generate, key):
            raise SetupError(f"arm {arm.name!r}: {key!r} belongs to generate, for the whole recipe.")
    base = generate.model_dump(exclude=set() if "batch_size" in generate.model_fields_set else {"batch_size"})
    if changed.get("engine", generate.engine) != generate.engine:
        base["options"] = {}
        if "model" not in changed:
            raise SetupError(f"arm {arm.name!r} names engine {changed['engine']!r} and no model.")
    own = Generate.model_validate({**base, **changed})
    if own.engine == "imported":
        raise SetupError(f"arm {arm.name!r}: engine imported draws nothing, so there is nothing to choose between.")
    return own


def check_arms(arms: Sequence[LoadedArm], canonical: Sequence[dict[str, Any]], budget: Any) -> None:
    """SetupError where arms repeat one another, or where budget and arms do not go together."""
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise SetupError(f"two arms are named {name!r}.")
    for first, second in combinations(canonical, 2):
        if _texts(first) == _texts(second):
            raise SetupError(
                f"arms {first['name']!r} and {second['name']!r} differ in max_tokens and stop at most: "
                "they draw the same texts.",
                next_command="give one of them another prompt_template, temperature or model",
            )
    _check_budget(len(arms), budget)


def _check_budget(arms: int, budget: Any) -> None:
    routes = isinstance(budget, RoutingBudget) and budget.routes
    if arms and not routes:
        raise SetupError(
            f"the recipe has arms, and budget {budget.name!r} does not choose between arms.",
            next_command="budget: {method: router}",
        )
    if routes and arms < 2:
        raise SetupError(
            f"budget {budget.name!r} chooses between arms, and the recipe has {arms or 'none'}.",
            next_command="arms: [{name: short, max_tokens: 64}, {name: long, temperature: 0.7}]",
        )


def _texts(arm: dict[str, Any]) -> str:
    return canonical_json({key: value for key, value in arm.items() if key not in _NO_OTHER_TEXT})
