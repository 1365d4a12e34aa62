"""The page Schedules: what each does and when, its last firings, what its buttons change; in the browser and without."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from rollmill.dashboards.inert import visible
from rollmill.storage.schedules import Notify, Schedule, Schedules
from rollmill.storage.standing import write_standing
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE
from tests.dashboards.conftest import HOSTILE, opened, serving
from tests.dashboards.pages.home.test_home import links, squares
from tests.dashboards.test_browser import shoot, visit
from tests.dashboards.test_pages import texts
from tests.storage.healthy import answering

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
        schedules.add(Schedule("nightly", "0 2 * * *", recipe, "Europe/Berlin", retries=2, fresh="redraw", notify=told))
        schedules.add(Schedule("waits", "", recipe, on="version:toy", sets=("seed=1",)))
        run = workspace.runs.list()[0].id
        for status, message in (
            ("done", "toy@v1 published, 84 drawn"),
            ("done", "toy@v1 nothing new, 0 drawn"),
            ("killed", ""),
            ("refused", f"the gate did not pass {HOSTILE}"),
            ("failed", "the disk is full. Next: free some space"),
        ):
            begun = workspace.firings.begin("nightly", recipe, "redraw")
            workspace.firings.keep_recipe(begun.id, {"name": "toy", "note": HOSTILE})
            workspace.firings.end(begun.id, status, message, run)
        workspace.firings.skip("nightly", recipe, "the one before still ran when it fell due")
    return folder


def firings(folder: Path) -> dict[str, str]:
    """The number of the newest firing of each status."""
    with Workspace.open(folder) as workspace:
        return {firing.state: str(firing.id) for firing in reversed(workspace.firings.recent("nightly"))}


def test_the_page_shows_when_and_what_and_changes_it(scheduled: Path) -> None:
    page = opened("schedules")
    assert not page.exception
    assert page.warning[0].value == "Schedules are not served: 2 schedules wait for the server."
    table = page.dataframe[0].value
    assert list(table["name"]) == ["nightly", "waits"]
    assert list(table["when"]) == ["At 02:00 every day (Europe/Berlin)", "When dataset toy has a new version"]
    assert "02:00 CE" in table["would fire next"][0]
    assert table["would fire next"][1] == "when it comes"
    assert list(table["last five, newest first"]) == ["skipped, failed, refused, killed, nothing new", "none"]
    assert [len(frame.value) for frame in page.dataframe[1:3]] == [6, 5]
    assert "**Next five, if it were served**" in texts(page)
    assert any(
        "3 attempts, 60 s apart" in block.value and "reported to a command" in block.value for block in page.markdown
    )

    page.button(key="schedule-pause-nightly").click().run()
    assert Schedules(scheduled / ".rollmill").get("nightly").paused
    assert list(page.dataframe[0].value["would fire next"]) == ["paused", "when it comes"]
    assert any(block.value.startswith("$ rollmill schedule pause -- nightly") for block in page.code)

    page.text_input(key="add-Cron line").set_value("30 5 * * 1").run()
    page.text_input(key="add-name").set_value("weekly").run()
    page.button(key="schedule-dry").click().run()
    output = page.code[-1].value
    assert "Would schedule weekly: At 05:30 on Monday (UTC)" in output
    assert output.count("T05:30+00:00") == 6
    assert len(Schedules(scheduled / ".rollmill").all()) == 2


def test_a_schedule_that_was_not_written_here_is_shown_with_the_command_that_accepts_it(scheduled: Path) -> None:
    file = scheduled / ".rollmill" / "schedules.json"
    nightly, waits = json.loads(file.read_text())
    nightly |= {"cron": f"never {HOSTILE}", "timezone": "Mars/Base", "notify": {"command": HOSTILE}}
    file.write_text(json.dumps([nightly, waits]))
    page = opened("schedules", schedule="nightly")
    assert not page.exception
    assert [block.value for block in page.warning] == [
        "Schedules are not served: one schedule waits for the server.",
        "It was not written here, and does not fire. This shows what it would run:",
    ]
    assert list(page.dataframe[0].value["would fire next"]) == ["not yours: does not fire", "when it comes"]
    assert "rollmill schedule accept nightly --dry-run" in [block.value for block in page.code]
    keys = {button.key for button in page.button}
    assert "schedule-remove-nightly" in keys
    assert not keys & {"schedule-pause-nightly", "schedule-run-now-nightly"}
    assert len(squares(page)) == 6  # its firings, and none that is due


def test_the_strip_has_the_last_firings_and_the_next_day(scheduled: Path) -> None:
    page, numbers = opened("schedules", schedule="nightly"), firings(scheduled)
    strip = squares(page)
    assert [label.partition(" ")[0] for label, *_ in strip] == [
        ":green-badge[:material/check:]",
        ":green-badge[:material/drag_handle:]",
        ":red-badge[:material/bolt:]",
        ":violet-badge[:material/block:]",
        ":red-badge[:material/close:]",
        ":gray-badge[:material/skip_next:]",
    ]
    assert {place for _, place, _ in strip} == {""}  # the page itself, which this test opens first
    assert [query for *_, query in strip if query["firing"] == numbers["refused"]] == [
        {"schedule": "nightly", "firing": numbers["refused"]}
    ]
    due = [
        block.value.replace("\\", "")
        for block in page.markdown
        if block.value.startswith(":gray-badge[:material/schedule:]")
    ]
    assert len(due) == 1
    assert "would fire " in due[0]
    legend = next(block.value for block in page.caption if "material/close" in block.value)
    assert legend.endswith("failed 1 · :gray-badge[:material/schedule:] due 1")
    assert [label for label, *_ in strip if "(shown below)" in label] == [strip[4][0]]  # the newest that was not skipped


def test_a_square_opens_its_firing_with_its_run_and_log(scheduled: Path) -> None:
    numbers = firings(scheduled)
    page = opened("schedules", schedule="nightly", firing=numbers["refused"])
    assert any(visible(HOSTILE)[:60] in block.value for block in page.code)
    with Workspace.open(scheduled) as workspace:
        run = workspace.runs.list()[0].id
    assert links(page)[f"Its run {run}"] == ("runs", {"run": run})
    assert links(page)["Its log"] == ("runs", {"run": run, "tab": "Log"})
    assert "Another firing would be refused as well" in texts(page)
    assert "waiting-schedule-retry-nightly" not in [button.key for button in page.button]
    older = opened("schedules", schedule="nightly", firing=numbers["killed"])
    assert "A later firing continued it." in texts(older)
    wrong = opened("schedules", schedule="nightly", firing="9999")
    assert "unknown firing of nightly '9999'" in wrong.code[-1].value


def test_a_firing_of_an_evaluation_opens_its_results(scheduled: Path) -> None:
    """It has a run for each cell, and none of its own."""
    with Workspace.open(scheduled) as workspace:
        Schedules(workspace.state).add(Schedule("sums", "0 4 * * *", str(scheduled / "sums.yaml"), verb="evaluate"))
        begun = workspace.firings.begin("sums", "sums.yaml")
        workspace.firings.keep_recipe(begun.id, {"name": "weekly-sums"})
        workspace.firings.end(begun.id, "done", "weekly-sums: 4 cells measured, 24 drawn", None)
    found = links(opened("schedules", schedule="sums"))
    assert found == {"Its results": ("compare", {"evaluation": "weekly-sums"})}


def test_a_failed_firing_is_tried_again_by_the_server_alone(scheduled: Path) -> None:
    page = opened("schedules", schedule="nightly")
    off = {button.key: (button.disabled, button.help) for button in page.button if str(button.key).startswith("waiting-")}
    reason = "Schedules are not served: start the server first."
    assert off == {
        "waiting-run-now-nightly": (True, reason),
        "waiting-schedule-retry-nightly": (True, reason),
    }
    assert "redraw number 4" in texts(page)
    state = scheduled / ".rollmill"
    with answering() as port:
        write_standing(state, port, state / "prefect")
        page.run()
        retry = page.button(key="schedule-retry-nightly")
        assert (retry.disabled, retry.help.endswith("`rollmill schedule run-now -- nightly`")) == (False, True)
        assert not page.button(key="schedule-run-now-nightly").disabled
        assert list(page.dataframe[0].value.columns)[2] == "next"
    write_standing(state, port, state / "prefect", "starting")
    page.run()
    assert page.button(key="waiting-run-now-nightly").help == "The server of the schedules is not up yet."


def test_nothing_is_scheduled_yet(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    page = opened("schedules")
    assert page.info[0].value == "Schedules are not served: none waits for the server."
    assert page.info[1].value.startswith("No schedule yet.")
    assert list(page.selectbox(key="add-recipe").options) == ["hostile.yaml", "toy.yaml"]


@pytest.mark.browser
def test_a_schedule_is_added_paused_and_removed_in_the_browser(chromium: Browser, scheduled: Path) -> None:
    with serving(scheduled) as printed:
        address = printed.partition("/?")[0]
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
        add = page.get_by_role("button", name="Add", exact=True)
        add.hover()
        expect(page.get_by_text("--name=hourly", exact=False).first).to_be_visible()  # what a click runs
        add.click()
        expect(page.get_by_text("Scheduled hourly", exact=False)).to_be_visible(timeout=PATIENCE)
        assert {item.name for item in Schedules(scheduled / ".rollmill").all()} == {"hourly", "nightly", "waits"}
        page.get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Yes, remove").click()
        expect(page.get_by_text("Removed nightly.", exact=False)).to_be_visible(timeout=PATIENCE)
        assert "nightly" not in (scheduled / ".rollmill" / "schedules.json").read_text()
        page.reload()  # the browser keeps what the address no longer has
        expect(page.get_by_role("button", name="Pause")).to_be_enabled(timeout=PATIENCE)
        page.context.clear_cookies()
        page.reload()
        expect(page.get_by_text("This dashboard answers the user who started it")).to_be_visible(timeout=PATIENCE)
        page.close()
