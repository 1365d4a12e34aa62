"""Budgets, which decide how many completions each problem gets: pure planners over tallies.

What a budget states of its draws (`prefix`, `estimator`) is said in rollmill.roles.protocols.
"""

from collections.abc import Mapping
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.roles.protocols import StatesVerdictUse

BUDGETS: Mapping[str, type[Any]] = ByName(
    {
        "fixed": "rollmill.pipelines.budget.fixed:Fixed",
        "uniform": "rollmill.pipelines.budget.dars:DarsUniform",
        "prop2diff": "rollmill.pipelines.budget.dars:DarsProp2Diff",
        "gvm": "rollmill.pipelines.budget.gvm:Gvm",
        "sequential": "rollmill.pipelines.budget.sequential:Sequential",
        "frontier": "rollmill.pipelines.budget.frontier:Frontier",
        "passuntil": "rollmill.pipelines.budget.passuntil:PassUntil",
        "router": "rollmill.pipelines.budget.router:Router",
        "search": "rollmill.pipelines.budget.search:Search",
        "sweep": "rollmill.pipelines.budget.sweep:SweepBudget",
    }
)
STOP_REASONS: Mapping[str, str] = {
    "target_met": "it has the required distinct correct solutions",
    "trial_cap": "it was drawn as often as a problem may be",
    "budget": "the total over all problems is spent",
    "hopeless": "the chance that it meets its target within the cap is too small, or a kept solution too expensive",
    "frontier": "the level at which the model's pass rate crosses the value is known, or no draws are left",
    "known": "its pass rate is known to the stated width",
    "searched": "the policy of its search draws nothing more, or its tokens are spent",
    "swept": "one of the steps is chosen, and reported on the half that did not choose it",
    "routed": "its step was chosen by the profiles of all steps",
    "agreed": "its answers on one step agree (no reference was looked at)",
}


def reads_verdicts(budget: Any) -> bool | None:
    """True if a budget (an instance or its class) plans by verdicts; None if it does not state it, as a class whose options
    decide it.
    """
    stated = budget.reads_verdicts if isinstance(budget, StatesVerdictUse) else None
    return stated if isinstance(stated, bool) else None
