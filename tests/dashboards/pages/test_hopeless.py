"""The hopeless queue under the budget, over a real run."""

from pathlib import Path

import pytest

from rollmill.flows.rounds import decide, run_all
from rollmill.pipelines.budget.sequential import Sequential
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.queue import hopeless_queue
from rollmill.storage.segments.keys import SegmentKey
from tests.dashboards.conftest import opened
from tests.flows.rounds.toy import problems, spec, workspace

pytestmark = pytest.mark.integration


def test_the_queue_is_a_section_with_its_evidence_and_the_measured_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = problems(24, (100, 0))
    with workspace(tmp_path) as ws:
        ws.segments.commit(SegmentKey("problems", "templates", "1", "all"), sums)
        budget = Sequential(initial=4, target=2, cap=16, hopeless=0.2, explore=0.5)
        with spec(problems=sums, budget=budget).open(ws) as part:
            run_all(part)
            decide(part)
    with Reader.open(tmp_path) as reader:
        queue = hopeless_queue(run_scope(reader, "toy-run"))
    assert len(queue.problems) >= 12
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    shown = opened("difficulty", view="Budget")
    assert not shown.exception
    [section] = [box for box in shown.expander if box.label.startswith("Hopeless queue")]
    assert section.label == f"Hopeless queue: {len(queue.problems)} problems, {queue.tokens:,} tokens spent on them"
    table = section.dataframe[0].value
    assert table["id"].tolist() == [entry.problem.id for entry in queue.problems]
    assert f"Of {queue.rule.ended} given-up problems that continued at random" in section.caption[0].value
    assert section.code[0].value == "rollmill runs queue toy-run --out hopeless.jsonl"
