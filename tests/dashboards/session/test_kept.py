"""Keys of kept comparisons: they change with rows and scores of their subject, and with nothing else in the workspace."""

from pathlib import Path

import pytest

from rollmill.dashboards.server.warm import first_views
from rollmill.dashboards.session.kept import state_of
from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries import Reader
from rollmill.storage.runs import Run
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import run_in
from tests.dashboards.evaluated import evaluate

pytestmark = pytest.mark.integration


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with an evaluation of one cell."""
    folder = tmp_path / "ws"
    problem = {"id": "p", "prompt": "1 + 1?", "reference": "2"}
    evaluate(folder, [problem], [{"problem_id": "p", "model": name, "text": "#### 2"} for name in ("a", "b")])
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


def test_an_evaluation_and_its_runs_have_the_state_of_their_rows_and_scores(evaluated: Path) -> None:
    with Reader.open(evaluated) as reader:
        [run] = reader.runs.list()
        before = reader.state(), state_of(reader, "asked"), state_of(reader, run.id)
        reader.audits.judge([PersonJudgement("c", "p", "ann", "correct", "")])
        assert reader.state() != before[0]
        assert (state_of(reader, "asked"), state_of(reader, run.id)) == before[1:]
        run_in(evaluated, ["score", "--with", "answer_agreement"])
        assert state_of(reader, "asked") != before[1]
        assert state_of(reader, run.id) != before[2]


def test_an_evaluation_that_goes_on_has_the_state_of_the_workspace(evaluated: Path) -> None:
    with Workspace.open(evaluated) as workspace:
        done: Run = workspace.runs.list()[0]
        again = {**done.recipe, "cell": {**done.recipe["cell"], "model": "other"}}
        workspace.runs.open("asked-2", name="asked-other", recipe=again, recipe_hash="r" * 8)
    with Reader.open(evaluated) as reader:
        before = state_of(reader, "asked")
        assert before == reader.state()
        reader.audits.judge([PersonJudgement("c", "p", "ann", "correct", "")])
        assert state_of(reader, "asked") != before


def test_an_evaluation_is_what_compare_opens_with_and_is_computed_beforehand(evaluated: Path) -> None:
    with Reader.open(evaluated) as reader:
        [run] = reader.runs.list()
        views = first_views(reader)
        assert [view.words for view in views] == [f"Explore of {run.id}", "Compare of asked"]
        for view in views:
            view.compute()
