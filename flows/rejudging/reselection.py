"""Another policy for a run that exists, as overrides of its recipe: the rows stay those that were drawn. Knows recipes.

A budget counts what is correct while it draws. Under another policy it would plan other rows, so the recipe that selects
anew names the policy that the run was planned under, and its plan is the run's own.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.recipe import LoadedRecipe, resolve
from pipelines.verify.acceptance import PLAIN, Policy

if TYPE_CHECKING:
    from storage.runs import Run

_UNMOVED = frozenset({"fixed"})  # budgets that plan the same whatever is correct


def policy_of(recipe: Mapping[str, Any], base: Path) -> Policy:
    """The policy that a run's recipe accepted by."""
    part = recipe.get("accept") or {"method": PLAIN.name, "options": {}}
    found: Policy = resolve("policy", part["method"], part["options"], base=base).build()
    return found


def chosen_sets(run: "Run", loaded: LoadedRecipe, policy: str | None, options: Mapping[str, Any]) -> list[str]:
    """The overrides that make the recipe accept by this policy and plan as the run did; none without a policy."""
    written = loaded.recipe.accept
    found = []
    if policy is not None:
        found.append(f"accept.method={policy}")
        if options or (written is not None and written.options):
            found.append(f"accept.options={json.dumps(dict(options))}")
    planned = _planned(run, loaded)
    if policy is not None and planned is not None and planned != {"method": policy, "options": dict(options)}:
        found.append(f"accept.planned_under.method={planned['method']}")
        if planned["options"] or (written is not None and written.planned_under is not None):
            found.append(f"accept.planned_under.options={json.dumps(planned['options'])}")
    elif policy is not None and written is not None and written.planned_under is not None:
        found.append("accept.planned_under=null")
    return found


def _planned(run: "Run", loaded: LoadedRecipe) -> dict[str, Any] | None:
    """The policy that the run's budget counted by, None where its plan does not depend on one."""
    if run.recipe["budget"]["method"] in _UNMOVED or not loaded.engines():
        return None
    accept = run.recipe.get("accept") or {"method": PLAIN.name, "options": {}}
    part = accept.get("planned_under") or accept
    return {"method": part["method"], "options": dict(part["options"])}
