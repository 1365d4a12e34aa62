"""How many completions each problem gets: pure planners over tallies. Deliberately know no text, model or workspace.

Every budget has `initial` (n0): the completions with sample indices 0 .. n0-1 that round 0 draws for every problem.
"""

from collections.abc import Mapping

from pipelines.budget.fixed import Fixed
from pipelines.budget.prop2diff import DarsProp2Diff
from pipelines.budget.uniform import DarsUniform

BUDGETS: Mapping[str, type[Fixed] | type[DarsUniform] | type[DarsProp2Diff]] = {
    "fixed": Fixed,
    "uniform": DarsUniform,
    "prop2diff": DarsProp2Diff,
}
STOP_REASONS = ("target_met", "trial_cap", "budget")
