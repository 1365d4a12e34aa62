"""Steps that nobody judges: in no count of rollouts, in every count of completions; whether a run is decided and judged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.storage.queries import Filters, Reader, dataset_scope, problem_detail, run_scope, search_problems
from rollmill.storage.queries.cost import run_cost
from rollmill.storage.queries.rates import funnel, step_counts
from rollmill.storage.queries.scope import Scope
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.storage.stepped.threaded import AFTER, IDS, NAMES, OUTCOME, PROBLEM, RUN, snapshot, stored

pytestmark = pytest.mark.integration


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.init(tmp_path / "ws") as workspace:
        yield workspace


@pytest.fixture
def reader(ws: Workspace) -> Reader:
    return Reader(ws)


def threads(scope: Scope) -> dict[str, tuple[str, str, str]]:
    with scope.connection("threads") as connection:
        rows = connection.execute("SELECT completion_id, step, role, after FROM threads").fetchall()
    return {NAMES[cid]: (step, role, NAMES.get(after, "")) for cid, step, role, after in rows}


def test_a_run_and_its_version_say_what_follows_what(ws: Workspace, reader: Reader) -> None:
    stored(ws)
    publish(ws, snapshot(), report_html="", report_json={})
    of_run, of_version = threads(run_scope(reader, RUN)), threads(dataset_scope(reader, "lines"))
    assert of_run == of_version
    assert {name: before for name, (_, _, before) in of_run.items() if before} == AFTER
    assert {name: role for name, (_, role, _) in of_run.items() if role != "answer"} == {"m1": "step", "c1": "step"}


def test_a_run_is_decided_once_its_answers_are(ws: Workspace, reader: Reader) -> None:
    stored(ws)
    scope = run_scope(reader, RUN)
    assert (scope.decided, scope.decisions) == (True, 5)
    counts = funnel(scope)
    assert (counts.planned, counts.correct, counts.pending, counts.kept) == (5, 2, 0, 2)
    assert {rollout.completion.id for rollout in problem_detail(scope, PROBLEM.id).rollouts if rollout.completion} == {
        IDS[name] for name in OUTCOME
    }


def test_of_a_live_run_only_answers_wait_for_a_verdict(ws: Workspace, reader: Reader) -> None:
    stored(ws, decided=False)
    scope = run_scope(reader, RUN)
    counts = funnel(scope)
    assert (scope.decided, counts.planned, counts.correct, counts.pending) == (False, 5, 1, 2)  # f0 and f1 are not drawn
    (row,) = search_problems(scope, Filters()).rows
    assert (row.rollouts, row.correct, row.judged, row.outcomes) == (5, 1, 2, ("correct", "incorrect", "pending"))


def test_what_a_run_cost_is_over_every_completion_and_kept_ones_are_counted(ws: Workspace, reader: Reader) -> None:
    stored(ws)
    whole = run_cost(reader, RUN).whole
    assert (whole.represented.completions, whole.represented.tokens, whole.kept) == (7, 7 * 14, 2)


def test_every_step_is_counted_with_what_is_said_of_it(ws: Workspace, reader: Reader) -> None:
    stored(ws)
    counted = {
        count.step: (count.completions, count.correct, count.kept, count.tokens)
        for count in step_counts(run_scope(reader, RUN))
    }
    assert counted == {
        "solve": (2, 1, 1, 18),
        "error": (1, 0, 0, 9),
        "mark": (1, None, None, 9),
        "cut": (1, None, None, 9),
        "fix": (2, 1, 1, 18),
    }
