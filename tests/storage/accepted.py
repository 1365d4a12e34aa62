"""Stores the outcomes of a made-up run, as its rounds would have: each verdict counts as it is."""

from collections.abc import Iterable

from rollmill.ground.records import AcceptedOutcome, Verdict
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace


def accept(ws: Workspace, run: str, verdicts: Iterable[Verdict], batch: str = "all") -> None:
    """Each of these verdicts is the accepted one of its rollout in this run."""
    outcomes = [AcceptedOutcome(v.completion_id, v.problem_id, v.outcome, v.verifier, v.version) for v in verdicts]
    ws.segments.commit(SegmentKey("outcomes", run, "1", batch), outcomes, run=run)
