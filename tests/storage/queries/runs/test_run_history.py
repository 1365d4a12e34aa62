"""Times of a run: the spans of its stages, the seconds of each stage and of the run, and what lies between."""

from typing import Any

import pytest
from sqlalchemy import select

from rollmill.ground.records import PlanRow
from rollmill.storage.ledger.models import BatchRow, ProgressRow, RunRow
from rollmill.storage.queries.run_history import Span, run_times
from rollmill.storage.segments.keys import SegmentKey
from tests.storage.queries.conftest import DONE, completion

RUN = "live-00000000"


@pytest.fixture
def begun(curated: Any) -> Any:
    """A run that began at second 1000 and has planned two rounds, of which the first is drawn."""
    runs = curated.ws.runs
    runs.open(RUN, name="live", recipe={}, recipe_hash="c" * 64)
    owner = curated.problems[0]
    for number in range(2):
        row = PlanRow(RUN, number, 0, 0, owner.id, owner.prompt_id, f"n{number}", number, number)
        runs.commit_plan(RUN, number, [row], [])
    runs.commit_plan(RUN, 2, [], [])
    curated.ws.segments.commit(SegmentKey("completions", "embedded", "d", "mine"), [completion(owner, 40)], run=RUN)
    times = {"round-0": 1003.0, "round-1": 1010.0, "round-2": 1020.0, "mine": 1008.0}
    with curated.ws.ledger.write() as session:
        for batch in session.scalars(select(BatchRow).where(BatchRow.producer.in_((RUN, "embedded")))):
            batch.created_at = times.get(batch.batch_id, batch.created_at)
        session.get_one(RunRow, RUN).started_at = 1000.0
    return curated


def reported(curated: Any, stage: str, at: float, seconds: float, **report: Any) -> None:
    curated.ws.runs.progress(RUN, stage, **{"done": 2, "total": 2, **report}, seconds=seconds)
    with curated.ws.ledger.write() as session:
        session.get_one(ProgressRow, (RUN, stage)).updated_at = at


def ended(curated: Any, at: float | None, *pauses: list[float]) -> None:
    with curated.ws.ledger.write() as session:
        row = session.get_one(RunRow, RUN)
        row.finished_at, row.pauses = at, list(pauses)


def test_a_plain_run_has_a_span_for_each_stage_and_round(begun: Any) -> None:
    reported(begun, "synthesize", at=1002.9, seconds=2.0)  # reported when the engines were there
    reported(begun, "draw", at=1015.0, seconds=10.0, detail={"round": 1})
    reported(begun, "select", at=1021.0, seconds=1.0)
    ended(begun, 1025.0)
    times = run_times(begun.reader, RUN)
    assert times.seconds == 25.0
    assert times.spans == (
        Span("synthesize", None, 0.0, 2.0, 2),
        Span("draw", 0, 3.0, 8.0, 1),
        Span("select", None, 20.0, 21.0, 2),
    )
    assert times.stages == {"synthesize": 2.0, "draw": 5.0, "select": 1.0}
    assert times.between == 17.0  # 2 to 3, 8 to 20, 21 to 25


def test_a_round_under_way_reaches_to_its_last_report(begun: Any) -> None:
    reported(begun, "draw", at=1015.0, seconds=10.0, done=1, detail={"round": 1})
    times = run_times(begun.reader, RUN)
    assert times.spans == (Span("draw", 0, 3.0, 8.0, 1), Span("draw", 1, 10.0, 15.0, 0))
    assert (times.seconds, times.between) == (None, None)


def test_a_pause_between_two_commands_is_in_no_span(begun: Any) -> None:
    """Killed at second 1005, in the first round; the second command began at 1007."""
    reported(begun, "synthesize", at=1007.9, seconds=0.5)
    reported(begun, "draw", at=1015.0, seconds=10.0, detail={"round": 1})
    ended(begun, 1025.0, [1005.0, 1007.0])
    times = run_times(begun.reader, RUN)
    assert times.seconds == 23.0
    assert times.spans == (Span("draw", 0, 3.0, 6.0, 1), Span("synthesize", None, 5.0, 5.5, 2))
    assert times.between == 20.0  # 0 to 3, 6 to 23: what overlaps counts once


def test_a_run_that_reuses_everything_drew_and_judged_no_row(begun: Any) -> None:
    with begun.ws.ledger.write() as session:
        for batch in session.scalars(select(BatchRow).where(BatchRow.batch_id == "mine")):
            batch.created_at = 500.0  # by another run
    reported(begun, "draw", at=1020.0, seconds=0.5, detail={"round": 1, "made": 0})
    reported(begun, "verify", at=1020.1, seconds=0.7, detail={"round": 1, "made": 0})
    ended(begun, 1025.0)
    times = run_times(begun.reader, RUN)
    assert [(span.stage, span.round, span.rows) for span in times.spans] == [("draw", None, 0), ("verify", None, 0)]
    assert times.stages == {"draw": pytest.approx(0.5), "verify": pytest.approx(0.7)}
    assert times.between == pytest.approx(24.3)


def test_what_was_added_after_the_end_is_no_part_of_it(begun: Any) -> None:
    reported(begun, "score", at=1040.0, seconds=3.0)
    ended(begun, 1025.0)
    assert run_times(begun.reader, RUN).spans == ()


def test_an_unknown_run_is_named(curated: Any) -> None:
    with pytest.raises(Exception, match=f"Did you mean '{DONE}'"):
        run_times(curated.reader, "toy-aaaaaaab")
