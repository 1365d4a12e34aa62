"""Problems made of a version or of a run: found by name, fixed by content, part of the run's identity."""

import json
from pathlib import Path

import pytest

from rollmill.flows.problem_sources import source_of
from rollmill.flows.problems import make_problems, preview_problems
from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration

FIRST = """\
recipe_schema: 1
name: first
seed: 3
problems: {synthesize: templates, count: 24, options: {levels: [1, 2]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: fixed, options: {initial: 2}}
gate: {min_kept: 0, max_undecided: 1.0}
"""
NEXT = """\
recipe_schema: 1
name: next
seed: 3
problems: {synthesize: SYNTHESIZER, count: 10, options: {from: SOURCE}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: fixed, options: {initial: 2}}
gate: {min_kept: 0, max_undecided: 1.0}
"""


def write(folder: Path, source: str, synthesizer: str = "renumbered") -> Path:
    path = folder / "next.yaml"
    path.write_text(NEXT.replace("SOURCE", source).replace("SYNTHESIZER", synthesizer))
    return path


@pytest.fixture
def first(toy: Path, curated: Curated) -> Path:
    (toy / "first.yaml").write_text(FIRST)
    curated("first.yaml")
    return toy


def test_a_version_and_its_run_give_the_same_problems_and_rollouts(first: Path) -> None:
    with Workspace.open(first) as workspace:
        [run] = workspace.runs.list()
        version, ran = source_of(workspace, "first@v1"), source_of(workspace, run.id)
        assert version.problems == ran.problems
        assert len(version.problems) == 24
        rollouts = list(version.rollouts())
        assert rollouts == list(ran.rollouts())
        assert len(rollouts) == 48
        assert {rollout.problem_id for rollout in rollouts} == {problem.id for problem in version.problems}
        assert {rollout.outcome for rollout in rollouts} <= {"correct", "incorrect", "unparsed"}
        assert all(rollout.answer is not None for rollout in rollouts if rollout.outcome == "correct")
        info = resolve(workspace.datasets, "first")
        assert (version.name, version.content_hash) == (f"first@v1-{info.content_hash[:8]}", info.content_hash)
        assert source_of(workspace, version.name) == version
        assert len(ran.content_hash) == 32


@pytest.mark.parametrize("synthesizer", ["renumbered", "composed"])
def test_a_recipe_over_a_version_runs_and_records_what_it_read(first: Path, rollmill: Run, synthesizer: str) -> None:
    write(first, "first", synthesizer)
    result = rollmill("curate", "next.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    with Workspace.open(first) as workspace:
        content = resolve(workspace.datasets, "first").content_hash
        [run] = [run for run in workspace.runs.list() if run.name == "next"]
        assert run.recipe["resolved"]["source"] == [f"first@v1-{content[:8]}", content]
        assert run.recipe["problems"]["options"]["from"] == "first"
    again = rollmill("curate", "next.yaml", "--direct", "--json")
    assert json.loads(again.out)["run"] == json.loads(result.out)["run"]


def test_a_newer_version_of_the_source_is_another_run(first: Path, rollmill: Run) -> None:
    write(first, "first")
    assert rollmill("curate", "next.yaml", "--direct", "--json").status == 0
    assert rollmill("curate", "first.yaml", "--set", "problems.count=30", "--direct", "--json").status == 0
    assert rollmill("curate", "next.yaml", "--direct", "--json").status == 0
    with Workspace.open(first) as workspace:
        runs = [run for run in workspace.runs.list() if run.name == "next"]
        sources = {run.recipe["resolved"]["source"][0].partition("-")[0] for run in runs}
        assert sources == {"first@v1", "first@v2"}
        loaded = load_recipe(write(first, "first@v1"))
        pinned = make_problems(workspace, loaded)
        assert pinned.source is not None
        assert pinned.source[0].startswith("first@v1-")
        assert pinned.problems == preview_problems(workspace, loaded).problems


def test_a_check_looks_for_the_source(first: Path, rollmill: Run) -> None:
    write(first, "first@v1")
    assert rollmill("recipe", "check", "next.yaml").status == 0
    write(first, "first@v2")
    result = rollmill("recipe", "check", "next.yaml")
    assert result.status == 2
    assert "first has no version called 'v2'" in result.err


def test_what_is_no_source_is_said(first: Path) -> None:
    unknown = pytest.raises(SetupError, match=r"unknown dataset or run 'frist'\. Did you mean 'first'")
    with Workspace.open(first) as workspace, unknown:
        source_of(workspace, "frist")
    (first / "none.yaml").write_text(NEXT.replace("SYNTHESIZER", "composed").replace(", options: {from: SOURCE}", ""))
    with pytest.raises(SetupError, match="synthesizer 'composed' needs the option 'from'"):
        load_recipe(first / "none.yaml")
    (first / "odd.yaml").write_text(FIRST.replace("levels: [1, 2]", "levels: [1], from: first"))
    with pytest.raises(SetupError, match="'from'"):
        load_recipe(first / "odd.yaml")
