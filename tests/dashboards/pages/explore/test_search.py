"""A search on every surface that shows rates: it has none, and the reason is its own, not that of verdicts alone."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.metrics import NO_RATES
from rollmill.storage.queries import Reader
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import explore_table, opened, run_in
from tests.dashboards.test_pages import texts
from tests.flows.conftest import ROOT

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one search over four problems."""
    folder = tmp_path_factory.mktemp("search") / "ws"
    Workspace.init(folder).close()
    recipe = (ROOT / "recipes" / "searched.yaml").read_text()
    (folder / "searched.yaml").write_text(recipe.replace("models/rollmill-tiny", str(ROOT / "models" / "rollmill-tiny")))
    sets = ["--set", "problems.count=4", "--set", "gate.min_kept=0"]
    run_in(folder, ["curate", "searched.yaml", "--direct", *sets])
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    with Reader.open(folder) as reader:
        return next(run.id for run in reader.runs.list())


def test_explore_counts_nothing_and_says_why(run: str) -> None:
    shown = opened("explore", of=f"run {run}")
    assert not shown.exception
    assert {"correct", "pass rate", "shrunken"}.isdisjoint(explore_table(shown).columns)
    assert "scores of a search" in NO_RATES
    assert NO_RATES in texts(shown)
    assert "empirical Bayes" not in texts(shown)
    every = opened("explore", of=f"run {run}", over="all")
    assert set(explore_table(every)["correct"]) <= {f"{k} of 8" for k in range(9)}


def test_difficulty_draws_no_empty_chart_of_rates(run: str) -> None:
    shown = opened("difficulty", of=f"run {run}")
    assert not shown.exception
    assert NO_RATES in [info.value for info in shown.info]
    assert "95% intervals. 95%" not in texts(shown)


def test_the_answers_of_a_search_have_names_of_their_own(run: str) -> None:
    problem = explore_table(opened("explore", of=f"run {run}"))["problem_id"][0]
    shown = opened("explore", of=f"run {run}", problem=problem)
    assert not shown.exception
    assert "Pass rate: none. How often this problem was drawn depended on earlier results: verdicts, or" in texts(shown)
    groups: Any = shown.get("button_group")
    for group in groups:
        assert len(set(group.options)) == len(group.options), group.options
