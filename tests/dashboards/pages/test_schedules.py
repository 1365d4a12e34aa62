"""The page Schedules: what each does and when, its last firings, what its buttons change; in the browser and without."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from storage.schedules import Notify, Schedule, Schedules
from storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, opened, serving
from tests.dashboards.test_browser import CHROMIUM, FLAGS, PATIENCE, shoot, visit

pytestmark = pytest.mark.integration


@pytest.fixture
def scheduled(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the workspace with schedules and firings."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    recipe = str(folder / "toy.yaml")
    with Workspace.open(folder) as workspace:
        schedules = Schedules(workspace.state)
        told = Notify(command="mail me", when="always")
        schedules.add(Schedule("nightly", "0 2 * * *", recipe, "Europe/Berlin", retries=2, notify=told))
        schedules.add(Schedule("waits", "", recipe, on="version:toy", sets=("seed=1",)))
        run = workspace.runs.list()[0].id
        for status, message in (("done", "toy@v1 published, 84 drawn"), ("refused", f"the gate did not pass {HOSTILE}")):
            begun = workspace.firings.begin("nightly", recipe)
            workspace.firings.keep_recipe(begun.id, {"name": "toy", "note": HOSTILE})
            workspace.firings.end(begun.id, status, message, run)
        workspace.firings.skip("nightly", recipe, "the one before still ran when it fell due")
    return folder


def test_the_page_shows_when_and_what_and_changes_it(scheduled: Path) -> None:
    page = opened("schedules")
    assert not page.exception
    assert page.warning[0].value.startswith("Not served\\: schedules fire only while")
    assert "2 wait for it." in page.warning[0].value
    assert page.code[0].value == "rollmill up"
    table = page.dataframe[0].value
    assert list(table["name"]) == ["nightly", "waits"]
    assert list(table["when"]) == ["At 02:00 every day (Europe/Berlin)", "When dataset toy has a new version"]
    assert "02:00 CE" in table["next"][0]
    assert table["next"][1] == "when it comes"
    assert list(table["last five, newest first"]) == ["skipped, refused, done", "none"]
    assert [len(frame.value) for frame in page.dataframe[1:3]] == [5, 3]
    assert any("3 attempts, 60 s apart" in block.value and "told to a command" in block.value for block in page.markdown)

    page.button(key="schedule-pause-nightly").click().run()
    assert Schedules(scheduled / ".rollmill").get("nightly").paused
    assert list(page.dataframe[0].value["next"]) == ["paused", "when it comes"]
    assert any(block.value.startswith("$ rollmill schedule pause -- nightly") for block in page.code)

    page.text_input(key="add-Cron line").set_value("30 5 * * 1").run()
    page.text_input(key="add-name").set_value("weekly").run()
    page.button(key="schedule-dry").click().run()
    output = page.code[-1].value
    assert "Would schedule weekly: At 05:30 on Monday (UTC)" in output
    assert output.count("T05:30+00:00") == 6
    assert len(Schedules(scheduled / ".rollmill").all()) == 2


def test_nothing_is_scheduled_yet(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = opened("schedules")
    assert page.info[0].value.startswith("Not served")
    assert page.info[1].value.startswith("No schedule yet.")
    assert list(page.selectbox(key="add-recipe").options) == ["hostile.yaml", "toy.yaml"]


@pytest.mark.browser
def test_a_schedule_is_added_paused_and_removed_in_the_browser(scheduled: Path) -> None:
    with serving(scheduled) as printed, sync_playwright() as playwright:
        address = printed.partition("/?")[0]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1400, "height": 1300})
        page.set_default_timeout(PATIENCE)
        page.goto(printed)
        visit(page, f"{address}/schedules?schedule=nightly", "Schedules")
        assert "token" not in page.url
        expect(
            page.get_by_text("Attempts", exact=False).or_(page.get_by_text("3 attempts", exact=False)).first
        ).to_be_visible()
        shoot(page, "schedules")
        page.get_by_text("Add a schedule").click()
        page.get_by_label("Name", exact=True).fill("hourly")
        page.get_by_label("Name", exact=True).press("Enter")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("Scheduled hourly", exact=False)).to_be_visible(timeout=PATIENCE)
        assert {item.name for item in Schedules(scheduled / ".rollmill").all()} == {"hourly", "nightly", "waits"}
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Yes, remove").click()
        expect(page.get_by_text("Removed nightly.", exact=False)).to_be_visible(timeout=PATIENCE)
        assert "nightly" not in (scheduled / ".rollmill" / "schedules.json").read_text()
        page.reload()  # the browser keeps what the address no longer has
        expect(page.get_by_role("button", name="Run now")).to_be_enabled(timeout=PATIENCE)
        page.context.clear_cookies()
        page.reload()
        expect(page.get_by_role("button", name="Run now")).to_be_disabled(timeout=PATIENCE)
        chromium.close()
