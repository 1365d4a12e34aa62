"""Accepted outcomes of a run: decided by its acceptance policy as its rows are judged, and stored with the run.

Live views read them until the run has decided; its decisions carry them from then on. They follow from the recipe and the
stored verdicts, so those that a killed command did not store, and those of verdicts that another run committed, are decided
when the round resumes. Of several outcomes of one rollout the last that was stored counts: its verdict was lost and made
again.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import answers_of
from rollmill.ground.ids import digest128
from rollmill.ground.records import AcceptedOutcome, PlanRow, Verdict
from rollmill.storage.rollouts import CHUNK, Pair, verdicts_by_pair
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.rows import Rows

VERSION = "1"
_PAIR = ("completion_id", "problem_id")


def outcomes_of(accepted: Mapping[Pair, Verdict | None]) -> list[AcceptedOutcome]:
    """The outcomes of rollouts by their accepted verdicts; none of a rollout whose verdict is missing."""
    return [
        AcceptedOutcome(*pair, verdict.outcome, verdict.verifier, verdict.version)
        for pair, verdict in accepted.items()
        if verdict is not None
    ]


def store_outcomes(run: OpenRun, outcomes: Sequence[AcceptedOutcome]) -> None:
    """Commit these outcomes of the run; the same ones again are committed once."""
    if not outcomes:
        return
    content = sorted(f"{o.completion_id} {o.problem_id} {o.outcome} {o.verifier} {o.verifier_version}" for o in outcomes)
    key = SegmentKey("outcomes", run.id, VERSION, digest128(["outcomes", content]))
    run.workspace.segments.commit(key, outcomes, run=run.id)


def store_missing_outcomes(run: OpenRun, rows: Rows[PlanRow], *, before: int, judged: int) -> None:
    """Decide and commit the outcomes that judged rows of a round lack.

    `before`: number of judged rows of the earlier rounds. `judged`: number of judged rows of this round. If as many
    outcomes are stored, nothing is read.
    """
    if not judged:
        return
    stored = sum(
        segment.rows for segment in run.workspace.segments.registry.segments("outcomes") if segment.producer == run.id
    )
    if stored == before + judged:
        return
    answers = answers_of(run.spec, rows)
    pairs = pa.table({name: answers.column(name) for name in _PAIR})
    if stored > before:
        known = run.workspace.segments.read("outcomes", producer=run.id, version=VERSION, columns=_PAIR)
        pairs = pairs.join(known, list(_PAIR), join_type="left anti")
    for start in range(0, pairs.num_rows, CHUNK):
        columns = (pairs.column(name).slice(start, CHUNK).to_pylist() for name in _PAIR)
        verdicts = verdicts_by_pair(run.workspace, run.verifiers.chain, list(zip(*columns, strict=True)))
        store_outcomes(run, outcomes_of({pair: run.verifiers.counted(given) for pair, given in verdicts.items()}))
