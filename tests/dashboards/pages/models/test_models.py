"""The page Models: versions with lineage, curves and evaluations; trainings that work or ended badly."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.storage.queries import Reader, runs, versions_of
from rollmill.storage.queries.models.progress import training_lines
from rollmill.storage.trainings import training_folder
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import elements, opened
from tests.dashboards.pages.home.test_home import links
from tests.dashboards.pages.models.conftest import training_recipe
from tests.dashboards.pages.start.test_start import said, shows, start_asks, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
HALF = {"step": 30, "share": 0.5, "loss": 0.25, "tokens": 6_000, "seconds": 30.0}
TRAINING = "a" * 32


@pytest.fixture
def page(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace with models, which the pages only read."""
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(trained))
    return trained


@pytest.fixture
def copied(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workspace with datasets and a training recipe, without a model."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    training_recipe(folder)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def working(copied: Path) -> Iterator[Workspace]:
    """The same while a training works, at its half."""
    with Workspace.open(copied) as workspace, workspace.trainings.held(TRAINING):
        job = {"workspace": str(copied), "recipe": str(copied / "student.yaml"), "sets": ["seed=7"], "verb": "train"}
        workspace.trainings.begin(TRAINING, "student", {"job": job})
        workspace.trainings.report(TRAINING, HALF)
        folder = training_folder(workspace.state, TRAINING)
        folder.mkdir(parents=True)
        (folder / "steps.jsonl").write_text(json.dumps(HALF) + "\n")
        yield workspace


def lineage(shown: AppTest) -> dict[str, Any]:
    """The picture's data as the browser gets it."""
    [picture] = [one.proto for one in shown.get("bidi_component") if one.proto.component_name == "rollmill_lineage"]
    data: dict[str, Any] = json.loads(picture.json)
    return data


def charts(shown: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in elements(shown, "vega_lite_chart")]


def metrics(shown: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in shown.metric}


def test_a_workspace_without_a_model_says_what_makes_one(copied: Path) -> None:
    shown = opened("models")
    assert not shown.exception
    assert "No model yet." in said(shown)
    assert [block.value for block in shown.code] == [
        "rollmill curate recipes/arithmetic.yaml\nrollmill train recipes/training/student.yaml"
    ]
    assert links(shown)["New training"] == ("new", {"what": "Train"})


def test_the_table_has_every_version_and_the_newest_is_shown(page: Path) -> None:
    shown = opened("models")
    assert not shown.exception
    table = shown.dataframe[0].value
    assert list(table["model"]) == ["student@v3", "student@v2", "student@v1"]
    assert list(table["from"]) == ["rollmill-tiny", "student@v1", "rollmill-tiny"]
    assert list(table["data"]) == ["toy@v2"] * 3
    assert list(table["trained tokens"]) == [400] * 3
    assert shown.header[0].value == "student@v3"
    assert shown.query_params["model"] == "student@v3"


def test_lineage_leads_from_the_data_to_the_evaluation(page: Path) -> None:
    shown = opened("models", model="student@v2")
    data = lineage(shown)
    nodes = [[(node["kind"], node["name"], node["href"]) for node in layer] for layer in data["layers"]]
    assert nodes == [
        [("base", "models/rollmill-tiny", None), ("dataset", "toy@v2", "/datasets?dataset=toy&version=toy%40v2")],
        [
            ("model", "student@v1", "/models?model=student%40v1"),
            ("dataset", "toy@v2", "/datasets?dataset=toy&version=toy%40v2"),
        ],
        [("model", "student@v2", None)],
        [("evaluation", "held", "/compare?evaluation=held")],
    ]
    with Reader.open(page) as reader:
        run = next(run for run in runs(reader) if run.name == "held.sums.s2")
    row = next(row for row in run.summary["metrics"] if row["k"] == 1)
    told = f"sums pass@1 {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    assert data["layers"][3][0]["words"] == [told]
    assert [node["chosen"] for node in data["layers"][2]] == [True]


def test_evaluations_stand_over_the_versions_with_the_ledgers_numbers(page: Path) -> None:
    shown = opened("models", model="student@v1")
    curve, family = charts(shown)
    assert curve["layer"][0]["encoding"]["y"]["field"] == "loss"
    assert family["layer"][-1]["encoding"]["y"]["title"] == "pass@1"
    assert family["layer"][-1]["encoding"]["x"]["sort"] == ["rollmill-tiny", "v1", "v2"]
    assert {"Compare", "New training"} <= set(links(shown))
    shown.selectbox(key="of-metric").set_value("pass@2").run()
    assert charts(shown)[1]["layer"][-1]["encoding"]["y"]["title"] == "pass@2"


def test_a_version_that_nobody_evaluated_shows_those_of_its_family(page: Path) -> None:
    shown = opened("models", model="student@v3", tab="Commands")
    assert len(charts(shown)) == 2
    commands = [block.value for block in shown.code]
    assert {"rollmill model diff student@v2 student@v3", "rollmill model push student@v3"} <= set(commands)
    assert "init: models/student@v3" in commands


def test_an_unknown_version_is_named_with_the_choices(page: Path) -> None:
    shown = opened("models", model="student@v9")
    assert "unknown model 'student@v9'" in said(shown)


def test_a_training_that_works_shows_speed_and_time_left_on_its_page_and_on_home(working: Workspace) -> None:
    shown = opened("models")
    assert metrics(shown) == {
        "Step": "30",
        "Done": "50%",
        "Loss": "0.2500",
        "Trained tokens": "6,000",
        "Tokens/s": "200",
        "Time left": "30.0 s",
    }
    assert "rollmill train student.yaml --set seed=7" in [block.value for block in shown.code]
    assert len(charts(shown)) == 1
    home = opened("home")
    assert links(home)["**student** trains"] == ("models", {"training": TRAINING})
    assert "No run works now." not in said(home)


def test_home_shows_a_training_where_no_run_ever_worked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    with Workspace.init(tmp_path) as workspace, workspace.trainings.held(TRAINING):
        workspace.trainings.begin(TRAINING, "student", {})
        shown = opened("home")
    assert not shown.exception
    assert links(shown)["**student** trains"] == ("models", {"training": TRAINING})


@pytest.mark.parametrize(
    ("status", "words"),
    [("failed", "failed, at step 30 (50%)"), ("interrupted", "was stopped, at step 30"), (None, "was killed: no process")],
)
def test_a_training_that_ended_badly_says_why_and_how_it_goes_on(copied: Path, status: str | None, words: str) -> None:
    with Workspace.open(copied) as workspace:
        job = {"workspace": str(copied), "recipe": str(copied / "student.yaml"), "sets": [], "verb": "train"}
        workspace.trainings.begin(TRAINING, "student", {"job": job})
        workspace.trainings.report(TRAINING, HALF)
        if status is not None:
            workspace.trainings.finish(TRAINING, status, {"error": "no room on the device"})
    shown = opened("models")
    assert words in said(shown)
    codes = [block.value for block in shown.code]
    assert "rollmill train student.yaml" in codes
    assert ("no room on the device" in codes) == (status == "failed")
    assert not metrics(shown)


def test_new_run_trains_and_lands_on_the_live_page_then_on_the_model(copied: Path) -> None:
    shown = until(opened("new run", what="Train"), lambda page: "Rows" in metrics(page))
    assert metrics(shown)["Rows"] == str(kept_rows(copied))
    assert "rollmill train student.yaml" in [block.value for block in shown.code]
    (copied / "hold").touch()
    shown.button(key="new-start").click().run()
    try:
        until(shown, lambda page: [block.value for block in page.title] == ["Models"])
        with Reader.open(copied) as reader:
            [line] = training_lines(reader)
        assert (line.status, shown.query_params["training"]) == ("running", line.id)
        until(shown, shows("If it stops, resume it with:"))
        again = until(opened("new run", what="Train"), shows("This very training works now"))
        assert not start_asks(again)
    finally:
        (copied / "hold").unlink()
    until(shown, lambda page: page.query_params.get("model") == "student@v1")
    assert shown.header[0].value == "student@v1"
    done = until(opened("new run", what="Train"), shows("This very training is done"))
    assert links(done)["student@v1"] == ("models", {"model": "student@v1"})


def kept_rows(folder: Path) -> int:
    """The rows that the newest version of `toy` keeps."""
    with Reader.open(folder) as reader:
        return versions_of(reader, "toy")[0].kept


def test_a_training_that_cannot_begin_is_refused_beside_its_form(copied: Path) -> None:
    recipe = copied / "student.yaml"
    recipe.write_text(recipe.read_text().replace("toy: all", "toy@v9: all"))
    shown = until(opened("new run", what="Train"), shows("This would be refused:"))
    assert "toy has no version called 'v9'" in said(shown)
    assert not start_asks(shown)
