"""Stored completions by batch: in turn from one pass over the store, out of turn by themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.flows.rounds.drawing.batches import MissingWork, PlanBatch, batches_of
from rollmill.flows.rounds.drawing.texts import BatchTexts
from rollmill.ground.records import Completion, PlanRow
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import spec

ROWS = [
    Completion(f"c{number}", "p", "imported", "m", "d", "curate", number, None, f"text {number}", "imported")
    for number in range(20)
]
PLAN = [PlanRow("run", 0, place // 4, place, "problem", "p", f"c{19 - place}", place, 0) for place in range(20)]


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path) as workspace:
        workspace.segments.commit(SegmentKey("completions", "import:mine", "1", "a"), ROWS[:11])
        workspace.segments.commit(SegmentKey("completions", "import:mine", "1", "b"), ROWS[11:])
        yield workspace


def todo(ws: Workspace, *missing: str) -> list[tuple[PlanBatch, MissingWork]]:
    gone = frozenset(missing)
    with spec().open(ws) as run:
        lacks = [
            (batch, MissingWork(tuple(cid for cid in batch.completion_ids if cid in gone), batch.rows))
            for batch in batches_of(run, PLAN)
        ]
    assert len(lacks) == 5
    return lacks


def test_every_batch_in_its_turn(ws: Workspace) -> None:
    work = todo(ws)
    texts = BatchTexts(ws, work)
    for batch, lack in work:
        assert texts.of(batch, lack) == {cid: ROWS[int(cid[1:])] for cid in batch.completion_ids}
    texts.close()


def test_a_batch_out_of_turn_and_one_left_out(ws: Workspace) -> None:
    work = todo(ws)
    texts = BatchTexts(ws, work)
    for turn in (1, 0, 4, 2, 4):
        batch, lack = work[turn]
        assert texts.of(batch, lack) == {cid: ROWS[int(cid[1:])] for cid in batch.completion_ids}
    texts.close()


def test_what_is_to_be_drawn_is_not_looked_for(ws: Workspace) -> None:
    work = todo(ws, "c19", "c16", "c3", "c2", "c1", "c0")
    texts = BatchTexts(ws, work)
    assert sorted(texts.of(*work[0])) == ["c17", "c18"]
    assert texts.of(*work[4]) == {}
    assert sorted(texts.of(*work[3])) == ["c4", "c5", "c6", "c7"]
    texts.close()


def test_a_batch_judged_meanwhile_needs_nothing(ws: Workspace) -> None:
    work = todo(ws)
    texts = BatchTexts(ws, work)
    assert texts.of(work[0][0], MissingWork()) == {}
    assert len(texts.of(*work[1])) == 4
    texts.close()
    texts.close()
