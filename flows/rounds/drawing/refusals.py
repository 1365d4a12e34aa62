"""Refused replies that a run holds: http.max_failed of the profile bounds those of all its commands together."""

import json
from collections import defaultdict
from collections.abc import Sequence

from rollmill.flows.rounds.drawing.batches import PlanBatch
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.pipelines.generate.http.refusals import is_refused, may_be_refused
from rollmill.roles.engine_roles import BoundsRefusals


def count_refusals(run: OpenRun, batches: Sequence[PlanBatch]) -> None:
    """Tell the engines of these batches how many replies of the run are stored or spooled, and how many of them are
    refusals. SetupError where these are more than a count allows.
    """
    if run.session.profile.http.max_failed is None:
        return
    engines: dict[str, BoundsRefusals] = {}
    for step in sorted({batch.step for batch in batches if not batch.imported}):
        engine = run.engine(step)
        if isinstance(engine, BoundsRefusals):
            engines[step] = engine
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])  # of one engine, which several steps may share
    for step, bound in engines.items():
        refused, whole = _counted(run, step, [batch for batch in batches if batch.step == step])
        counts[id(bound)][0] += refused
        counts[id(bound)][1] += whole
    for bound in {id(bound): bound for bound in engines.values()}.values():
        bound.go_on(*counts[id(bound)])


def _counted(run: OpenRun, step: str, batches: Sequence[PlanBatch]) -> tuple[int, int]:
    """Refusals and replies of a step, those included that earlier commands left in the spools of its batches."""
    store = run.workspace.segments
    metas = store.column(
        "completions", "meta", [row.completion_id for plan in run.memory.plans for row in plan if row.step == step]
    )
    suspects = [identity for identity, meta in metas.items() if may_be_refused(json.loads(meta or "{}"))]
    spooled = {
        reply.id: reply for batch in batches for reply in run.workspace.spool(batch.id).read() if reply.id not in metas
    }
    refused = [*store.fetch("completions", suspects), *spooled.values()]
    return sum(map(is_refused, refused)), len(metas) + len(spooled)
