"""The gate of a run: its expectations from the recipe, the number of attempts, and the message if it fails.

Every look is a chance to pass by luck, so the attempts before a version was published are counted in it. An attempt is a
set of decisions under a gate's bounds; the same ones checked again, by a retry or a resume, are one.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rollmill.flows.curation.outcome import counts_of
from rollmill.flows.recipe.load import GATE_NUMBERS
from rollmill.flows.recipe.schema import GateSection
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.ids import digest128

if TYPE_CHECKING:
    from rollmill.flows.curation.snapshot import DecidedRun
    from rollmill.flows.recipe.schema import ContaminationFloor
    from rollmill.flows.rounds import OpenRun
    from rollmill.metrics.drift import Drift
    from rollmill.pipelines.contamination import RecallFloor
    from rollmill.pipelines.gate import GateResult
    from rollmill.storage.versions.resolve import VersionInfo

CHECKED = "checked"  # the key of the attempts among the details of the stage `gate`


class GateFailed(FoundWanting):
    """The gate did not pass and nothing is published; `counts` is what the summary of a published run would show."""

    def __init__(self, message: str, *, counts: Mapping[str, Any], next_command: str) -> None:
        self.counts = counts
        super().__init__(message, next_command=next_command)


def gate_failed(decided: "DecidedRun", result: "GateResult") -> GateFailed:
    """Error for a gate that did not pass: the checks, the full report, and a row to look at."""
    from rollmill.pipelines.gate import render_report

    run = decided.run
    report = run.workspace.state / "gate" / f"{run.id}.html"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(render_report(result, decided.snapshot.manifest), encoding="utf-8")
    lines = "\n".join(f"  {line}" for line in result.lines())
    row = _row_against(decided, result)
    return GateFailed(
        f"the gate did not pass; nothing is published.\n{lines}\n"
        f"  every check with its rows: {report.relative_to(run.workspace.root)}\n"
        f"  What was drawn and judged is kept: change the recipe and run it again.",
        counts=counts_of(decided),
        next_command=f"rollmill runs show {run.id}" if row is None else f"rollmill dataset why {run.id} {row[:12]}",
    )


def _row_against(decided: "DecidedRun", result: "GateResult") -> str | None:
    """The first row that a check names; if none does (a level, too few kept), one dropped for the commonest reason."""
    rows = {key for decision in decided.report.decisions for key in (decision.completion_id, decision.problem_id)}
    named = next((row for check in result.failed for row in check.failing if row in rows), None)
    if named is not None:
        return named
    dropped = [decision for decision in decided.report.decisions if not decision.kept]
    counts = Counter(decision.reason for decision in dropped)
    commonest = max(counts, key=lambda reason: (counts[reason], reason), default=None)
    return next((decision.completion_id for decision in dropped if decision.reason == commonest), None)


def check_gate(decided: "DecidedRun") -> "GateResult":
    """Result of the gate for the run's snapshot."""
    from rollmill.flows.rounds.plan_rows import answers_of, together
    from rollmill.flows.rounds.planning.plan import all_plans
    from rollmill.pipelines.gate import Gate, GateBounds, Provenance

    run = decided.run
    part, spec = run.loaded.recipe.gate, run.spec
    options: dict[str, Any] = {name: value for name, value in part if name not in ("contamination", "suite")}
    gate = Gate(GateBounds(contamination=recall_floor(part.contamination), **options), run.loaded.suite)
    before = _version_before(run)
    provenance = Provenance(
        verifiers=run.verifiers.chain,
        drawn=len(answers_of(spec, together(all_plans(run)))),
        prefix=spec.prefix,
        step=spec.steps[0].name,
        evaluation=run.spec.problem_set.evaluation,
        scan=run.spec.problem_set.scan,
        policy=spec.accept,
        before=None if before is None else before.content_hash,
        replies=decided.snapshot.manifest["funnel"]["replies"],
        drifts=() if before is None else _drifts(before, decided),
    )
    return gate.check(decided.snapshot, provenance)


def _version_before(run: "OpenRun") -> "VersionInfo | None":
    """The newest version of the dataset that is not yanked, the base of drift.

    SetupError if its rows are not here and the recipe limits drift; otherwise nothing is measured.
    """
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.versions.read import fetch_command, is_here
    from rollmill.storage.versions.resolve import versions

    name, datasets = run.loaded.recipe.dataset, run.workspace.datasets
    every = versions(datasets, name) if name in artifact_names(datasets) else []
    newest = next((info for info in reversed(every) if info.yanked is None), None)
    if newest is None or is_here(newest):
        return newest
    if run.loaded.recipe.gate.max_drift:
        raise SetupError(
            f"the gate limits drift from {newest.ref}, and its rows are not here.", next_command=fetch_command(newest)
        )
    return None


def _drifts(before: "VersionInfo", decided: "DecidedRun") -> "list[Drift]":
    from rollmill.metrics.drift import drifts
    from rollmill.storage.versions.composition import snapshot_composition, version_composition

    return drifts(version_composition(before), snapshot_composition(decided.snapshot))


def recall_floor(part: "ContaminationFloor | None") -> "RecallFloor | None":
    """Recall that the recipe requires of the check for evaluation problems; None if it requires none."""
    from rollmill.pipelines.contamination import REQUIRED, RecallFloor

    if part is None:
        return None
    edits = REQUIRED if part.edits is None else part.edits
    return RecallFloor(part.min_recall, edits, part.max_false_flags, part.copies)


def with_attempt(decided: "DecidedRun", *, passed: bool) -> dict[str, Any]:
    """The detail of the stage `gate` after this check: every attempt of this run, by its identity."""
    return {CHECKED: {**_of_run(decided.run, decided.run.id), _identity(decided): passed}}


def attempts(decided: "DecidedRun") -> dict[str, int]:
    """Attempts on this dataset's name in this workspace, this one included, and how many of them passed."""
    name = decided.run.loaded.recipe.dataset
    passed: dict[str, bool] = {}  # by identity
    for other in decided.run.workspace.runs.list():
        if other.dataset == name:
            passed |= _of_run(decided.run, other.id)
    passed.setdefault(_identity(decided), True)
    return {"attempts": len(passed), "passed": sum(passed.values())}


def _of_run(run: "OpenRun", run_id: str) -> dict[str, bool]:
    stages = run.workspace.runs.progress_of(run_id)
    detail = next((stage.detail for stage in stages if stage.stage == "gate"), {})
    return dict(detail.get(CHECKED, {}))


def _identity(decided: "DecidedRun") -> str:
    gate = decided.run.loaded.recipe.gate
    # Attempts of before there were such limits stay the same ones.
    later = {"max_drift", *GATE_NUMBERS} & {name for name, value in gate if value == GateSection.model_fields[name].default}
    bounds = gate.model_dump(mode="json", exclude_none=True, exclude={*later, "suite"})
    if own := decided.run.loaded.suite:
        bounds["suite"] = [dict(entry) for entry in own]
    return digest128(["attempt", decided.report.batch_id, bounds])[:16]
