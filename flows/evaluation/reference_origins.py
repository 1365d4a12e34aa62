"""`rollmill origins`: where the references of problems came from, and how often each origin is contradicted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.evaluation.replay import estimate_row, pool_of_one
from rollmill.flows.problem_sources import problems_in
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.records import MAJORITY, Problem
from rollmill.metrics.elections import ballots
from rollmill.metrics.labels import labels
from rollmill.metrics.reference_origins import CheckedReference, OriginErrors, origin_errors
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.pipelines.synthesize.derived.lineage import lineage_of
from rollmill.pipelines.synthesize.derived.recomputed import contradicted
from rollmill.storage.queries import Reader

UNRECORDED = "unrecorded"
"""The origin of a reference that says nothing of itself: imported, or made of nothing."""
_ALSO = ("n", "clusters", "estimand")  # of an estimate


def reference_origins(root: Path, name: str, *, least: float) -> dict[str, Any]:
    """The report as JSON values. `least`: the share of a problem's completions that must agree for them to contradict."""
    if not 0 < least <= 1:
        raise SetupError(f"--least {least}: a share above 0, at most 1.")
    with Reader.open(root) as reader:
        source, models = pool_of_one(reader, name, ())
        problems = problems_in(source.scope)
        elected = labels(ballots(source.pool, models), AGGREGATORS["majority"](), seed=0)
    solved = {
        label.ballot.problem: not label.right
        for label in elected
        if label.right is not None and label.share >= least - 1e-12
    }
    rows = [_checked_reference(problem, solved) for problem in problems]
    return {
        "of": source.scope.name,
        "least": least,
        "problems": len(problems),
        "origins": [_row(origin) for origin in origin_errors(rows)],
    }


def _checked_reference(problem: Problem, solved: Mapping[str, bool]) -> CheckedReference:
    lineage, label = lineage_of(problem), problem.meta.get("label")
    origin, by, facts = str(lineage.get("reference", UNRECORDED)), str(lineage.get("by", problem.source or "-")), lineage
    if not lineage and isinstance(label, Mapping):  # labelled by `rollmill label` and imported
        origin, by, facts = MAJORITY, f"label {label.get('by', '')}".strip(), {"agreement": label.get("share")}
    agreement = facts.get("agreement")
    return CheckedReference(
        origin,
        by,
        problem.template,
        contradicted(problem),
        solved.get(problem.id),
        float(agreement) if isinstance(agreement, int | float) else None,
    )


def _row(errors: OriginErrors) -> dict[str, Any]:
    return {
        "origin": errors.origin,
        "by": errors.by,
        "problems": errors.problems,
        "agreement": None if errors.agreement is None else digits(errors.agreement),
        "computed_again": None if errors.computed is None else estimate_row(errors.computed, *_ALSO),
        "solved_again": None if errors.solved is None else estimate_row(errors.solved, *_ALSO),
    }
