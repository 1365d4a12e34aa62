"""Curating rollouts that were drawn elsewhere: no engine, the plan is what was imported."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import decide, plan_round, run_all
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, imported_completion_id
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import spec, workspace

SUM = Problem(prompt="2 + 3 = ? (p=50%)", reference="5")


def imported(problem: Problem, index: int, text: str, *, model: str = "elsewhere") -> Completion:
    return Completion(
        id=imported_completion_id(problem.id, model, index, text),
        prompt_id=problem.prompt_id,
        engine="imported",
        model=model,
        model_digest="",
        stream="curate",
        sample_index=index,
        seed=None,
        text=text,
        finish_reason="imported",
        meta={"problem_id": problem.id},
    )


def store(ws: Workspace, rows: list[Completion]) -> None:
    ws.segments.commit(SegmentKey("completions", "import:file", "1", "batch"), rows)


def curate(path: Path, rows: list[Completion], **changes: Any) -> Any:
    with workspace(path) as ws, spec(engine=None, **({"problems": [SUM]} | changes)).open(ws) as part:
        store(ws, rows)
        run_all(part)
        return decide(part)


def test_all_imported_rollouts_of_the_problems_are_judged_and_decided(tmp_path: Path) -> None:
    other = Problem(prompt="9 + 9 = ? (p=50%)", reference="18")
    rows = [
        imported(SUM, 0, "answer: 5"),
        imported(SUM, 1, "answer: 6"),
        imported(SUM, 2, "hm"),
        imported(other, 0, "answer: 18"),
    ]
    report = curate(tmp_path, rows)
    assert (report.funnel.planned, report.completions, report.reused) == (3, 3, 3)
    assert [decision.reason for decision in report.decisions] == ["kept", "incorrect", "unparsed"]
    assert report.stops == {}


def test_a_second_round_has_nothing(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(engine=None, problems=[SUM]).open(ws) as part:
        store(ws, [imported(SUM, 0, "answer: 5")])
        assert [row.sample_index for row in plan_round(part, 0) or []] == [0]
        assert len(run_all(part)) == 1


def test_without_imported_rollouts_there_is_nothing_to_decide(tmp_path: Path) -> None:
    report = curate(tmp_path, [])
    assert (report.decisions, report.created, report.funnel.planned) == ([], False, 0)


def test_imports_can_be_chosen_though_a_row_was_imported_twice(tmp_path: Path) -> None:
    both, mine = imported(SUM, 0, "answer: 5"), imported(SUM, 1, "answer: 6")
    with workspace(tmp_path) as ws:
        store(ws, [both])
        ws.segments.commit(SegmentKey("completions", "import:mine", "1", "batch"), [both, mine])
        with spec(engine=None, problems=[SUM], imports=["mine"]).open(ws) as part:
            assert [row.completion_id for row in plan_round(part, 0) or []] == [both.id, mine.id]
        with spec(engine=None, problems=[SUM], imports=["file"], run="other").open(ws) as part:
            assert [row.completion_id for row in plan_round(part, 0) or []] == [both.id]
        unknown = pytest.raises(SetupError, match="no rollouts were imported as 'mien'")
        with spec(engine=None, problems=[SUM], imports=["mien"], run="third").open(ws) as part, unknown:
            plan_round(part, 0)


def test_a_rollout_belongs_to_the_problem_it_names(tmp_path: Path) -> None:
    twin = Problem(prompt=SUM.prompt, reference="6")
    report = curate(tmp_path, [imported(SUM, 0, "answer: 5"), imported(twin, 0, "answer: 6")], problems=[SUM, twin])
    assert (report.funnel.planned, report.funnel.correct) == (2, 2)


def test_a_repaired_reference_takes_the_rollouts_of_its_prompt(tmp_path: Path) -> None:
    wrong = Problem(prompt=SUM.prompt, reference="7")
    report = curate(tmp_path, [imported(wrong, 0, "answer: 5")])
    assert (report.funnel.planned, report.funnel.correct) == (1, 1)


def test_lost_imported_rollouts_have_to_be_imported_again(tmp_path: Path) -> None:
    curate(tmp_path, [imported(SUM, 0, "answer: 5")])
    with workspace(tmp_path) as ws, spec(engine=None, problems=[SUM]).open(ws) as part:
        for kind in ("completions", "verdicts"):
            for segment in ws.segments.registry.segments(kind):
                Path(ws.segments.path(segment)).unlink()
        ws.recover()
        with pytest.raises(SetupError, match=r"1 imported completions of run toy-run are no longer stored"):
            run_all(part)


def test_a_verdict_judged_before_is_not_judged_again(tmp_path: Path) -> None:
    first = curate(tmp_path, [imported(SUM, 0, "answer: 5")])
    assert first.decisions[0].kept
    with workspace(tmp_path) as ws, spec(engine=None, problems=[SUM]).open(ws) as part:
        [result] = run_all(part)
    assert result == replace(result, judged=0, drawn=0, reused=1)
