"""The page Claims: what `rollmill claims run` wrote, and nothing of it acts."""

import json
from pathlib import Path

import pytest

from rollmill.flows import cli
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, opened
from tests.dashboards.test_pages import texts

pytestmark = pytest.mark.integration

NAME = "best-of-many-settings"


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.init(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path))
    assert cli.run(["claims", "run", NAME, "--seeds", "2"]) == 0
    return tmp_path / "reports" / "claims"


def test_a_claim_is_shown_with_its_prediction_and_each_effect(checked: Path) -> None:
    row = json.loads((checked / f"{NAME}.json").read_text())
    row |= {
        "claim": "other",
        "status": "not measured",
        "why": HOSTILE,
        "statement": HOSTILE,
        "says": HOSTILE,
        "effects": [],
        "seeds": [],
    }
    (checked / "other.json").write_text(json.dumps(row))
    page = opened("claims", claim=NAME)
    assert not page.exception
    stated = json.loads((checked / f"{NAME}.json").read_text())
    listed, effects = (frame.value for frame in page.dataframe)
    assert list(listed["claim"]) == [NAME, "other"]
    assert list(effects["predicted"]) == [effect["words"] for effect in stated["expected"]]
    assert list(effects["as predicted"]) == [f"{effect['met']} of 2" for effect in stated["effects"]]
    assert list(effects["status"]) == [effect["status"] for effect in stated["effects"]]
    assert f"1 {stated['status']}, 1 not measured" in texts(page)

    untestable = opened("claims", claim="other", status="not measured")
    assert not untestable.exception
    assert list(untestable.dataframe[0].value["claim"]) == ["other"]
    assert "<script" not in texts(untestable).replace("\\<script", "")


def test_published_numbers_are_a_board_of_their_own(checked: Path) -> None:
    """With outputs a number stands beside the paper's; without them it says where to get them."""
    assert cli.run(["claims", "run", "numbers"]) == 0
    name = "gsm8k-175b-verification"
    path = checked / f"{name}.json"
    number = json.loads(path.read_text())
    ours = {"value": 0.565, "low": 0.527, "high": 0.603, "n": 660}
    beside = [{"label": "6B verification", **ours}]
    path.write_text(
        json.dumps(number | {"status": "reproduced", "why": "", "ours": ours, "labels": 0.565, "beside": beside})
    )
    page = opened("claims", claim=name)
    assert not page.exception
    listed, shown = (frame.value for frame in page.dataframe)
    assert len(listed) == 40
    row = listed.set_index("claim").loc[name]
    assert (row["status"], row["published"], row["ours [95%]"], row["n"]) == (
        "reproduced",
        0.55,
        "0.565 [0.527, 0.603]",
        660,
    )
    assert list(shown["beside it"]) == ["6B verification"]
    assert "our system scored 55% on those same problems" in texts(page)

    lacking = opened("claims", claim="qwen-math-maj8", status="not measured")
    assert not lacking.exception
    assert "needs outputs of Qwen2" in lacking.info[0].value
    assert list(opened("claims", board="Implementation checks").dataframe[0].value["claim"]) == [NAME]


def test_a_damaged_file_is_named_and_an_unknown_claim_too(checked: Path) -> None:
    assert "unknown claim" in opened("claims", claim="nothing").code[0].value
    (checked / f"{NAME}.json").write_text("{")
    assert f"rollmill claims run {NAME}" in opened("claims").code[0].value


def test_a_filter_that_leaves_out_the_open_claim_opens_the_first_that_matches(checked: Path) -> None:
    row = json.loads((checked / f"{NAME}.json").read_text())
    (checked / "other.json").write_text(json.dumps(row | {"claim": "other", "status": "not measured"}))
    page = opened("claims", claim=NAME)
    page.button_group(key="status").set_value("not measured").run()
    assert not page.exception
    assert not page.error
    assert page.subheader[0].value == "other"


def test_a_check_of_one_seed_has_a_value_without_an_interval(checked: Path) -> None:
    effect = {"value": 0.0831, "low": None, "high": None}
    row = json.loads((checked / f"{NAME}.json").read_text())
    row["effects"] = [{**row["effects"][0], **effect}]
    (checked / f"{NAME}.json").write_text(json.dumps(row))
    effects = opened("claims", claim=NAME).dataframe[1].value
    assert list(effects["measured [95%]"]) == ["+0.083"]
