"""How often the gate was asked before a version of a dataset was published: every look is a chance to pass by luck.

An attempt is a set of decisions under a gate's bounds; the same ones checked again, by a retry or a resume, are one. They
are kept with the run's progress in the ledger. Knows nothing of what the gate checks.
"""

from typing import TYPE_CHECKING, Any

from storage.ids import digest128

if TYPE_CHECKING:
    from flows.curation.snapshot import DecidedRun
    from flows.session import RecipeRun

CHECKED = "checked"


def with_attempt(decided: "DecidedRun", *, passed: bool) -> dict[str, Any]:
    """The detail of the stage `gate` after this check: every attempt of this run, by its identity."""
    return {CHECKED: {**_of_run(decided.run, decided.run.id), _identity(decided): passed}}


def attempts(decided: "DecidedRun") -> dict[str, int]:
    """Attempts on this dataset's name in this workspace, this one included, and how many of them passed."""
    name = decided.run.loaded.recipe.dataset
    found: dict[str, bool] = {}
    for other in decided.run.workspace.runs.list():
        if other.dataset == name:
            found |= _of_run(decided.run, other.id)
    found.setdefault(_identity(decided), True)
    return {"attempts": len(found), "passed": sum(found.values())}


def _of_run(run: "RecipeRun", run_id: str) -> dict[str, bool]:
    stages = run.workspace.runs.progress_of(run_id)
    detail = next((stage.detail for stage in stages if stage.stage == "gate"), {})
    return dict(detail.get(CHECKED, {}))


def _identity(decided: "DecidedRun") -> str:
    bounds = decided.run.loaded.recipe.gate.model_dump(mode="json")
    return digest128(["attempt", decided.report.batch_id, bounds])[:16]
