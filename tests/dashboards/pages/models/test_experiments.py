"""Trials and loops on the pages: started, followed and cancelled from New run, and their numbers as pictures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from rollmill.storage.queries import Reader
from rollmill.storage.queries.models.experiments import experiment_lines
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, elements, opened, run_in
from tests.dashboards.pages.home.test_home import links
from tests.dashboards.pages.models.conftest import EVALUATION, training_recipe
from tests.dashboards.pages.models.test_models import charts, metrics
from tests.dashboards.pages.start.test_start import said, shows, until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
VIEW = {"view": "Trials and loops"}
TRIAL = """\
trial_schema: 1
name: pair
base: student.yaml
equal: as_stated
seeds: 2
arms: {one: {seed: 1}, other: {seed: 5}}
evaluate: {recipe: held.yaml, same_templates: true}
ks: [1, 2]
"""
DIFFERENCE: dict[str, Any] = {
    "arm": "two", "against": "one", "k": 1, "measure": "pass@1", "primary": True, "confidence": 0.95, "difference": 0.05,
    "low": 0.01, "high": 0.09, "p": 0.02, "n": 240, "by_seed": [0.02, 0.05, 0.08], "value_before": 0.5,
    "value_after": 0.55, "shares": {"problems": 0.5, "seeds": 0.3, "rest": 0.2},
    "sentence": "Students of two are better than those of one: pass@1 +0.050 [+0.010, +0.090].",
}  # fmt: skip
REFERENCE = {
    **DIFFERENCE, "k": None, "measure": "log-prob of references", "primary": False, "low": -0.02, "sentence": None,
}  # fmt: skip
CHANGE = {"difference": 0.02, "low": -0.01, "high": 0.05}
ROUNDS = [
    {"round": number, "model": f"improve@v{number}", "pass@1": 0.5 + number / 50, "k": 8, "pass@k": 0.8 - number / 50,
     "pass@1 since before": CHANGE, "pass@k since before": {"difference": -0.02, "low": -0.03, "high": -0.01}}
    for number in (1, 2)
]  # fmt: skip
LOOP = {
    "loop": "improve", "frozen": False, "base": "models/rollmill-tiny", "samples": 8, "rounds": ROUNDS,
    "before": {"pass@1": 0.5, "k": 8, "pass@k": 0.8, "problems": 240}, "alarms": ["round 2: pass@8 fell"], "stopped": None,
}  # fmt: skip


def reports(folder: Path) -> None:
    """Write the reports of a trial and of a loop."""
    trial = {"trial": "quotas", "seeds": 3, "problems": 240, "comparisons": [DIFFERENCE, REFERENCE]}
    for kind, name, row in (("trial", "quotas", trial), ("loop", "improve", LOOP)):
        place = folder / "reports" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{kind}.json").write_text(json.dumps(row))


def rows_of(page: AppTest) -> "list[list[dict[str, Any]]]":
    """The rows that each chart draws."""
    protos = [chart.proto for chart in elements(page, "vega_lite_chart")]
    return [
        [row for one in proto.datasets for row in pa.ipc.open_stream(one.data.data).read_all().to_pylist()]
        for proto in protos
    ]


def plain(page: AppTest) -> str:
    """What the page says, without the signs that keep it from being read as Markdown."""
    return said(page).replace("\\", "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace without a model."""
    Workspace.init(tmp_path).close()
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    return tmp_path


def test_a_trial_is_a_sentence_and_a_picture_for_each_scale(folder: Path) -> None:
    reports(folder)
    page = opened("models", experiment="trial/quotas", **VIEW)
    assert not page.exception
    assert DIFFERENCE["sentence"] in plain(page)
    rates, _ = charts(page)
    assert [layer["mark"]["type"] for layer in rates["layer"]] == ["rule", "rule", "point", "point"]
    values, told = rows_of(page)
    assert sorted(row["at seed"] for row in values if "at seed" in row) == [0.02, 0.05, 0.08]
    assert [(row["low"], row["high"], row["shown"]) for row in values if "low" in row] == [(0.01, 0.09, "not 0")]
    assert [(row["row"], row["shown"]) for row in told if "low" in row] == [("two", "may be 0")]
    numbers = page.dataframe[1].value
    assert list(numbers["difference"]) == ["+0.050 [+0.010, +0.090]", "+0.050 [-0.020, +0.090]"]
    assert list(numbers["variance"]) == ["problems 50%, seeds 30%, rest 20%"] * 2


def test_a_loop_is_its_curves_over_rounds(folder: Path) -> None:
    reports(folder)
    page = opened("models", experiment="loop/improve", **VIEW)
    assert "round 2: pass@8 fell" in plain(page)
    rows, changes = rows_of(page)
    assert [(row["round"], row["value"]) for row in rows if row["measure"] == "pass@1"] == [(0, 0.5), (1, 0.52), (2, 0.54)]
    assert [row["value"] for row in rows if row["measure"] == "pass@8"] == pytest.approx([0.8, 0.78, 0.76])
    told = [row for row in changes if "low" in row]
    assert [(row["round"], row["measure"]) for row in told] == [(1, "pass@1"), (1, "pass@8"), (2, "pass@1"), (2, "pass@8")]


def test_one_that_works_is_linked_and_one_that_failed_says_why(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        failing = workspace.experiments.held("loop", "improve", "rollmill loop l.yaml")
        with pytest.raises(ValueError, match="no room"), failing:
            raise ValueError("no room")
        with workspace.experiments.held("trial", "quotas", "rollmill trial q.yaml") as tell:
            tell("training two-1")
            page = opened("models")
            assert links(page)["The trial quotas works now"][1] == {**VIEW, "experiment": "trial/quotas"}
            page = opened("models", **VIEW)
            assert list(page.dataframe[0].value["state"]) == ["running", "failed"]
            assert "rollmill runs cancel -- trial/quotas" in [block.value for block in page.code]
    page = opened("models", experiment="loop/improve", **VIEW)
    assert "ValueError: no room" in said(page)
    assert "rollmill loop l.yaml" in [block.value for block in page.code]


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", '{"comparisons": [{"arm": "a"}, 3]}', '{"rounds": {}, "before": 1, "alarms": 3, "comparisons": 4}',
        '{"rounds": [{"round": null, "pass@1": 0.5}], "comparisons": [{"low": "-1"}]}',
    ],
)  # fmt: skip
def test_a_damaged_report_draws_no_picture(folder: Path, text: str) -> None:
    for kind in ("trial", "loop"):
        place = folder / "reports" / kind
        place.mkdir(parents=True)
        (place / f"{kind}.json").write_text(text)
        page = opened("models", experiment=f"{kind}/{kind}", **VIEW)
        assert not page.exception
        assert not charts(page)


def test_a_hostile_report_stays_text(folder: Path) -> None:
    reports(folder)
    odd = {**DIFFERENCE, "arm": HOSTILE, "against": HOSTILE, "measure": HOSTILE, "sentence": HOSTILE, "by_seed": ["a", 0.1],
           "shares": {HOSTILE: 0.5, "seeds": None}, "k": None}  # fmt: skip
    report = {"comparisons": [odd], "seeds": HOSTILE, "problems": HOSTILE}
    (folder / "reports" / "quotas" / "trial.json").write_text(json.dumps(report))
    page = opened("models", experiment="trial/quotas", **VIEW)
    assert not page.exception
    assert "<script>" not in said(page).replace("\\<script\\>", "")
    [drawn] = rows_of(page)
    assert [row["at seed"] for row in drawn if "at seed" in row] == [0.1]


@pytest.fixture
def copied(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a dataset, a trial and a loop of trainings by a command."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    training_recipe(folder)
    (folder / "held.yaml").write_text(EVALUATION)
    (folder / "pair.yaml").write_text(TRIAL)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


def test_new_run_starts_a_trial_and_the_page_cancels_it(copied: Path) -> None:
    page = until(opened("new run", what="Trial"), lambda shown: "Trainings" in metrics(shown))
    assert metrics(page)["Trainings"] == "4 of 4"
    assert "rollmill trial pair.yaml" in [block.value for block in page.code]
    (copied / "hold").touch()
    page.button(key="new-start").click().run()
    until(page, lambda shown: [block.value for block in shown.title] == ["Models"])
    assert page.query_params["experiment"] == "trial/pair"
    again = until(opened("new run", what="Trial"), shows("This very trial works now"))
    assert not [button for button in again.button if button.key == "new-start"]
    until(page, lambda shown: "training one-0" in plain(shown))
    page.button(key="cancel-trial/pair").click().run()
    until(page, shows("Somebody stopped it."))
    (copied / "hold").unlink()
    with Reader.open(copied) as reader:
        [line] = experiment_lines(reader)
        assert (line.id, line.status, line.command) == ("trial/pair", "interrupted", "rollmill trial pair.yaml")
        assert [training.status for training in reader.trainings.as_they_are()] == ["interrupted"]
    run_in(copied, ["trial", "pair.yaml"])
    page = opened("models", experiment="trial/pair", **VIEW)
    assert "Undecided between other and one: pass@1" in plain(page)
    assert len(charts(page)) == 1


def test_new_run_shows_what_a_loop_takes(copied: Path) -> None:
    (copied / "loop.yaml").write_text(
        "loop_schema: 1\nname: improve\nrounds: 2\ncurate: {recipe: toy.yaml}\ntrain: {recipe: student.yaml}\n"
        "evaluate: {recipe: held.yaml}\n"
    )
    page = until(opened("new run", what="Loop"), lambda shown: "Rounds" in metrics(shown))
    assert metrics(page)["Rounds"] == "2"
    assert "rollmill loop loop.yaml" in [block.value for block in page.code]
    assert not elements(page, "exception")


def test_a_training_under_way_is_cancelled_on_the_page(copied: Path) -> None:
    (copied / "hold").touch()
    page = until(opened("new run", what="Train"), lambda shown: "Rows" in metrics(shown))
    page.button(key="new-start").click().run()
    until(page, lambda shown: [block.value for block in shown.title] == ["Models"])
    until(page, shows("If it stops, resume it with:"))
    with Reader.open(copied) as reader:
        [training] = reader.trainings.as_they_are()
        page.button(key=f"cancel-{training.id}").click().run()
        until(page, shows("was stopped"))
        assert [one.status for one in reader.trainings.as_they_are()] == ["interrupted"]
    (copied / "hold").unlink()
