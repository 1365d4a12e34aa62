"""What a run spent and covered by round and level, on the run of conftest: problem n solves its first n indices."""

from dataclasses import replace

import pytest

from rollmill.ground.records import CONTINUED, StopRow
from rollmill.storage.queries import BudgetRound, LevelSpend, StopCount, budget_spend, run_scope
from rollmill.storage.segments.keys import SegmentKey
from tests.storage.accepted import accept
from tests.storage.queries.conftest import DONE, LIVE, Milled, completion


def test_rounds_add_up_tokens_and_covered_problems(curated: Milled) -> None:
    spend = budget_spend(run_scope(curated.reader, DONE), 4)
    assert (spend.k, spend.problems) == (4, 6)
    assert spend.rounds == [BudgetRound(0, 6, 24, 168, 2), BudgetRound(1, 6, 24, 336, 2)]
    assert spend.levels == [LevelSpend(1, 3, 24, 168, 1), LevelSpend(2, 3, 24, 168, 1)]
    assert [row.covered for row in budget_spend(run_scope(curated.reader, DONE), 1).rounds] == [5, 5]
    assert [row.covered for row in budget_spend(run_scope(curated.reader, DONE), 5).rounds] == [0, 1]


def test_copies_of_a_solution_cover_once_and_cut_off_texts_never(curated: Milled) -> None:
    """The same rows drawn again in another segment: problem 4 repeats itself, all of problem 5 is cut off."""
    four = [replace(completion(curated.problems[4], index), id=f"d4-{index}", text=" SAME  text") for index in range(2)]
    five = [replace(completion(curated.problems[5], index), id=f"d5-{index}", finish_reason="length") for index in range(2)]
    verdicts = curated.ws.segments.fetch_verdicts([("number", "1")], [("c4-0", curated.problems[4].id)])
    rows = [(curated.problems[4], completion) for completion in four] + [
        (curated.problems[5], completion) for completion in five
    ]
    curated.ws.runs.open(LIVE, name="toy", recipe=curated.reader.runs.get(DONE).recipe, recipe_hash="b" * 64)
    planned = [
        replace(row, run=LIVE, completion_id=one.id, sample_index=one.sample_index, problem_id=owner.id)
        for (owner, one), row in zip(rows, curated.ws.runs.plans(DONE)[0], strict=False)
    ]
    curated.ws.runs.commit_plan(LIVE, 0, planned, [])
    judged = [replace(verdicts[0], completion_id=completion.id, problem_id=owner.id) for owner, completion in rows]
    curated.ws.segments.commit(SegmentKey("completions", "embedded", "d", "again"), [completion for _, completion in rows])
    accept(curated.ws, LIVE, judged)
    assert [row.covered for row in budget_spend(run_scope(curated.reader, LIVE), 1).rounds] == [1]
    assert [row.covered for row in budget_spend(run_scope(curated.reader, LIVE), 2).rounds] == [0]


def test_stops_carry_their_evidence_and_are_counted_by_level(curated: Milled) -> None:
    ids = [problem.id for problem in curated.problems]
    stops = [
        StopRow(DONE, 2, ids[0], "hopeless", '{"correct":0,"upper":0.2}'),
        StopRow(DONE, 2, ids[2], "hopeless", None),
        StopRow(DONE, 2, ids[1], CONTINUED, '{"upper":0.1}'),
        StopRow(DONE, 2, ids[5], "target_met", None),
    ]
    curated.ws.runs.commit_plan(DONE, 2, [], stops)
    spend = budget_spend(run_scope(curated.reader, DONE))
    assert spend.stop_counts() == [
        StopCount(CONTINUED, 2, 1),
        StopCount("hopeless", 1, 2),
        StopCount("target_met", 2, 1),
    ]
    first = next(stop for stop in spend.stops if stop.problem_id == ids[0])
    assert (first.level, first.round, first.evidence) == (1, 2, {"correct": 0, "upper": 0.2})


def test_what_is_no_run_has_no_rounds(curated: Milled) -> None:
    with pytest.raises(ValueError, match="only a run"):
        budget_spend(replace(run_scope(curated.reader, DONE), run=None))
