"""The batches of a plan, and what one misses, kept in two bytes a row."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.flows.rounds import OpenRun
from rollmill.flows.rounds.drawing.batches import MissingMask, MissingWork, batches_of
from rollmill.ground.ids import digest128
from rollmill.ground.records import PlanRow, Verdict
from tests.flows.rounds.toy import spec, workspace

PLAN = [PlanRow("run", 0, n // 4, n, f"p{n % 2}", "q", f"c{n // 2}", n, 0) for n in range(10)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[OpenRun]:
    with workspace(tmp_path) as ws, spec().open(ws) as opened:
        yield opened


def test_batches_are_the_plan_in_order_whatever_order_it_comes_in(run: OpenRun) -> None:
    batches = batches_of(run, PLAN[::-1])
    assert [batch.number for batch in batches] == [0, 1, 2]
    assert [list(batch.rows) for batch in batches] == [PLAN[:4], PLAN[4:8], PLAN[8:]]
    assert batches[0].id == digest128(["batch", [["c0", "p0"], ["c0", "p1"], ["c1", "p0"], ["c1", "p1"]]])
    assert batches[2].completion_ids == ["c4"]
    assert batches_of(run, []) == []


@pytest.mark.parametrize(
    ("work", "draws", "judges_stored"),
    [
        (MissingWork(("c0", "c1"), tuple(PLAN[:4])), True, False),
        (MissingWork(("c1",), tuple(PLAN[1:4])), True, True),
        (MissingWork((), (PLAN[3],)), False, True),
        (MissingWork(("c0",), ()), True, False),
    ],
)
def test_a_mask_gives_back_what_is_missing(run: OpenRun, work: MissingWork, draws: bool, judges_stored: bool) -> None:
    batch = batches_of(run, PLAN)[0]
    mask = MissingMask.of(batch, work)
    assert mask.work(batch) == work
    assert (mask.draws, mask.judges_stored, mask.known) == (draws, judges_stored, False)


def test_a_mask_says_that_verdicts_are_known_and_forgets_which(run: OpenRun) -> None:
    batch = batches_of(run, PLAN)[0]
    verdict = Verdict("c0", "p0", "v", "1", "undecided", "rule")
    mask = MissingMask.of(batch, MissingWork((), (PLAN[0],), {("c0", "p0"): {("v", "1"): verdict}}))
    assert mask.known
    assert mask.work(batch) == MissingWork((), (PLAN[0],))
