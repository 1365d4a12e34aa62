"""How often the gate was asked before a version of a dataset was published: every look is a chance to pass by luck.

An attempt is a set of decisions under a gate's bounds; the same ones checked again, by a retry or a resume, are one. They
are kept with the run's progress in the ledger. Knows nothing of what the gate checks.
"""

from typing import TYPE_CHECKING, Any

from storage.ids import digest128

if TYPE_CHECKING:
    from flows.session import Session

CHECKED = "checked"


def with_attempt(opened: "Session", *, passed: bool) -> dict[str, Any]:
    """The detail of the stage `gate` after this check: every attempt of this run, by its identity."""
    return {CHECKED: {**_of_run(opened, opened.run), _identity(opened): passed}}


def attempts(opened: "Session") -> dict[str, int]:
    """Attempts on this dataset's name in this workspace, this one included, and how many of them passed."""
    name = opened.loaded.recipe.dataset
    found: dict[str, bool] = {}
    for run in opened.workspace.runs.list():
        if (run.recipe.get("dataset") or run.name) == name:
            found |= _of_run(opened, run.id)
    found.setdefault(_identity(opened), True)
    return {"attempts": len(found), "passed": sum(found.values())}


def _of_run(opened: "Session", run: str) -> dict[str, bool]:
    stages = opened.workspace.runs.progress_of(run)
    detail = next((stage.detail for stage in stages if stage.stage == "gate"), {})
    return dict(detail.get(CHECKED, {}))


def _identity(opened: "Session") -> str:
    bounds = opened.loaded.recipe.gate.model_dump(mode="json")
    return digest128(["attempt", opened.decided.batch_id, bounds])[:16]
