"""Records held as columns are the records they were, in whatever part or order they are asked for."""

from dataclasses import replace

import pytest

from rollmill.ground.records import Decision, PlanRow
from rollmill.storage.segments import rows as module
from rollmill.storage.segments.rows import Packer, Rows

PLAN = [
    PlanRow("run", 0, n // 4, n, f"p{n % 3}", f"q{n % 3}", f"c{n}", n % 5, n * 7, "weak" if n % 2 else "")
    for n in range(20)
]
DECISION = Decision(
    "run", "p", "c", "quota", "1", kept=True, reason="kept", outcome="correct", verifier="v", verifier_version="1"
)


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Rows[PlanRow]:
    monkeypatch.setattr(module, "CHUNK", 6)
    return Rows.of("plan", iter(PLAN))


def test_they_equal_the_records_they_were_made_of(plan: Rows[PlanRow]) -> None:
    assert plan == PLAN
    assert [plan] == [PLAN]
    assert list(plan) == PLAN
    assert plan != PLAN[:-1]
    assert plan != [*PLAN[:-1], replace(PLAN[-1], seed=1)]
    assert plan != "plan"
    assert Rows.of("plan", plan) is plan


def test_single_rows_and_slices(plan: Rows[PlanRow]) -> None:
    assert (plan[0], plan[7], plan[-1]) == (PLAN[0], PLAN[7], PLAN[19])
    assert plan[5:14] == PLAN[5:14]
    assert plan[14:5] == []
    assert plan[18:99] == PLAN[18:]
    with pytest.raises(IndexError):
        plan[20]
    with pytest.raises(ValueError, match="without a step"):
        plan[::2]


def test_sorting_keeps_the_order_of_equal_rows_and_copies_nothing_that_is_sorted(plan: Rows[PlanRow]) -> None:
    assert plan.sorted_by("problem_id") == sorted(PLAN, key=lambda row: row.problem_id)
    assert plan.sorted_by("problem_id", "sample_index") == sorted(PLAN, key=lambda row: (row.problem_id, row.sample_index))
    assert plan.sorted_by("batch", "ordinal") is plan


def test_rows_with_a_value(plan: Rows[PlanRow]) -> None:
    assert plan.where("batch", 2) == PLAN[8:12]
    assert plan.where("round", 0) is plan
    assert plan.where("round", 1) == []
    assert plan.column("problem_id").to_pylist() == [row.problem_id for row in PLAN]


def test_none_at_all() -> None:
    empty: Rows[PlanRow] = Rows.of("plan", [])
    assert not empty
    assert empty == []
    assert empty.sorted_by("problem_id") == []
    assert list(empty.plain_parts()) == []


def test_text_that_no_file_can_hold_is_made_storable() -> None:
    packer: Packer[Decision] = Packer("decisions")
    packer.add([DECISION])
    packer.add([replace(DECISION, completion_id="d", reason="half \ud800 a pair")])
    assert packer.rows() == [DECISION, replace(DECISION, completion_id="d", reason="half � a pair")]


def test_a_row_of_a_plan_takes_less_than_half_of_its_record() -> None:
    many = [replace(row, completion_id=f"{number:032d}") for number, row in enumerate(PLAN * 500)]
    assert Rows.of("plan", many).table.nbytes < 110 * len(many)
