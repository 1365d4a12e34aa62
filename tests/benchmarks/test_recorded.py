"""A budget replayed on recorded draws plans the rows of a real run, round by round, and stops as it does."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.numbers.replay import RecordedProblem, ReplayResult, replay
from benchmarks.verifiers.recorded import record_of
from rollmill.flows.rounds import run_all
from rollmill.flows.rounds.planning.plan import plan_round, read_plans
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget import BUDGETS
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.protocols import Budget
from rollmill.storage.rollouts import IncompleteRound
from tests.flows.rounds.toy import problems, spec, workspace

REPLAYED = sorted(set(BUDGETS) - {"router", "search", "sweep"})  # one way of drawing; the others draw on several steps
Rounds = list[list[tuple[str, int]]]


def record(path: Path, draws: int, **changes: Any) -> list[RecordedProblem]:
    """So many draws of every problem, as a real run makes them."""
    toy = spec("pool", budget=Fixed(initial=draws), batch_size=2048, **changes)
    with workspace(path, toy.id) as ws, toy.open(ws) as part:
        run_all(part)
        return record_of(part, read_plans(ws, part.id)[0])


def really(path: Path, budget: Budget, **changes: Any) -> tuple[Rounds, set[tuple[int, str, str]], int]:
    """The rows of each round, the stops and the tokens of a run of its own, in a workspace of its own."""
    with workspace(path) as ws, spec(budget=budget, batch_size=512, **changes).open(ws) as part:
        results = run_all(part)
        rows = [[(row.problem_id, row.sample_index) for row in plan] for plan in read_plans(ws, part.id)]
        return (
            rows,
            {(s.round, s.problem_id, s.reason) for s in ws.runs.stops(part.id)},
            sum(one.tokens for one in results),
        )


def planned(done: ReplayResult) -> Rounds:
    rounds = [
        [(one.problem_id, index) for one in draws for index in range(one.first_index, one.first_index + one.count)]
        for draws in done.rounds
    ]
    return [*rounds, []]  # a run commits that it is over


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> list[RecordedProblem]:
    return record(tmp_path_factory.mktemp("pool"), 64, problems=problems(18))


@pytest.mark.integration
@pytest.mark.parametrize("name", REPLAYED)
def test_a_replay_is_the_run(tmp_path: Path, toys: list[RecordedProblem], name: str) -> None:
    budget = BUDGETS[name]()
    rows, stops, tokens = really(tmp_path, budget, problems=problems(18))
    done = replay(budget, toys)
    assert planned(done) == rows
    assert {(key, stop.reason) for key, stop in done.stops.items()} == {(key, reason) for _, key, reason in stops}
    assert done.tokens() == tokens
    assert len(rows) > 1


@pytest.mark.integration
def test_a_replay_is_the_run_of_the_shipped_model(tmp_path: Path) -> None:
    made = {
        "problems": list(Templates(levels=[1, 4, 6, 8]).synthesize(8, 5)),
        "engine": Embedded,
        "verifiers": [VERIFIERS["number"]],
        "sampling": Sampling(max_tokens=120),
    }
    recorded = record(tmp_path / "pool", 8, **made)
    budget = DarsUniform(initial=2, target=2, cap=8)
    rows, stops, tokens = really(tmp_path / "run", budget, **made)
    done = replay(budget, recorded)
    assert planned(done) == rows
    assert done.tokens() == tokens
    assert len(stops) == 8


def test_a_record_of_draws_that_are_not_made_is_refused(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec().open(ws) as part:
        rows = plan_round(part, 0)
        assert rows is not None
        with pytest.raises(IncompleteRound):
            record_of(part, rows)


def test_the_record_keeps_the_sample_indices_in_order(tmp_path: Path) -> None:
    recorded = record(tmp_path, 4)
    assert [len(one.samples) for one in recorded] == [4] * 8
    assert [one.subject.problem_id for one in recorded] == sorted(problem.id for problem in problems())
    assert {one.subject.level for one in recorded} == set(range(6))
