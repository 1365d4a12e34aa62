"""The gate of a run: its expectations from the recipe, and what is said where it does not pass."""

import logging
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flows.curation.outcome import counts_of
from storage.errors import FoundWanting

if TYPE_CHECKING:
    from flows.curation.snapshot import DecidedRun
    from pipelines.gate import GateResult


class GateFailed(FoundWanting):
    """The gate did not pass and nothing is published; `counts` is what the summary of a published run would show."""

    def __init__(self, message: str, *, counts: Mapping[str, Any], next_command: str) -> None:
        self.counts = counts
        super().__init__(message, next_command=next_command)


def gate_failed(decided: "DecidedRun", result: "GateResult") -> GateFailed:
    """What to say of a gate that did not pass: the checks, the full report, and a row to look at."""
    from pipelines.gate import render_report

    run = decided.run
    report = run.workspace.state / "gate" / f"{run.id}.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(render_report(result, decided.snapshot.manifest), encoding="utf-8")
    lines = "\n".join(f"  {line}" for line in result.lines())
    row = _row_against(decided, result)
    look = "" if row is None else f"rollmill dataset why {run.id} {row[:12]}, then "
    return GateFailed(
        f"the gate did not pass; nothing is published.\n{lines}\n"
        f"  every check with its rows: {report.relative_to(run.workspace.root)}",
        counts=counts_of(decided),
        next_command=f"{look}change the recipe (what was drawn and judged is kept) and {run.session.job.command}",
    )


def _row_against(decided: "DecidedRun", result: "GateResult") -> str | None:
    """The first row that a check names; where none does (too few were kept), one dropped for the commonest reason."""
    named = next((row for check in result.failed for row in check.failing if row), None)
    if named is not None:
        return named
    dropped = [decision for decision in decided.report.decisions if not decision.kept]
    counts = Counter(decision.reason for decision in dropped)
    commonest = max(counts, key=lambda reason: (counts[reason], reason), default=None)
    return next((decision.completion_id for decision in dropped if decision.reason == commonest), None)


def load_library() -> None:
    """Import what the gate needs seconds for; later imports of it are free."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own making
        import great_expectations  # noqa: F401


def check_gate(decided: "DecidedRun") -> "GateResult":
    """Whether the run's snapshot may be published."""
    from pipelines.gate import Gate, Provenance

    logging.getLogger("great_expectations").propagate = False  # Prefect's root handler would show its chatter
    run = decided.run
    part, spec = run.loaded.recipe.gate, run.spec
    gate = Gate(max_undecided=part.max_undecided, min_kept=part.min_kept, level_shares=part.level_shares)
    provenance = Provenance(
        verifiers=tuple(run.open.chain()),
        drawn=sum(len(rows) for rows in run.workspace.runs.plans(run.id)),
        prefix=spec.prefix,
        arm=spec.arms[0].name if spec.arms else "",
        evaluation=run.problems.evaluation,
        policy=spec.accept,
    )
    return gate.check(decided.snapshot, provenance)
