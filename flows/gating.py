"""The gate of a session: its expectations from the recipe, asked once. Publishes nothing."""

import logging
import os
import warnings
from typing import TYPE_CHECKING

from flows.snapshot import prefix_of

if TYPE_CHECKING:
    from flows.session import Session
    from pipelines.gate import GateResult


def check_gate(opened: "Session") -> "GateResult":
    """Whether the session's snapshot may be published."""
    if opened.gate_result is None:
        opened.gate_result = _check(opened)
    return opened.gate_result


def after_gate(opened: "Session", result: "GateResult") -> str:
    """What to type after a gate that said no: look at a row that stands in the way, then run the mended recipe."""
    rows = [row for check in result.failed for row in check.failing if row]
    look = f"rollmill dataset why {opened.run} {rows[0][:12]}, then " if rows else ""
    return f"{look}change the recipe (what was drawn and judged is kept) and {opened.job.command}"


def load_library() -> None:
    """Import what the gate needs seconds for; later imports of it are free."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own making
        import great_expectations  # noqa: F401


def _check(opened: "Session") -> "GateResult":
    from pipelines.gate import Expected, Gate

    logging.getLogger("great_expectations").propagate = False  # Prefect's root handler would show its chatter
    part = opened.loaded.recipe.gate
    gate = Gate(max_undecided=part.max_undecided, min_kept=part.min_kept, level_shares=part.level_shares)
    expected = Expected(
        verifiers=tuple(opened.spec.chain()),
        drawn=sum(len(rows) for rows in opened.workspace.runs.plans(opened.run)),
        prefix=prefix_of(opened),
        arm=opened.spec.arms[0].name if opened.spec.arms else "",
        evaluation=opened.problems.evaluation,
        policy=opened.spec.accept,
    )
    return gate.check(opened.snapshot, expected)
