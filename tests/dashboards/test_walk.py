"""A day in Chromium with the mouse alone, from a workspace without a run to an export that was downloaded.

Values are typed where a person must type one: the reviewer's name. Runs, Prefect's server and the browser are real.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.storage.queries import Reader, datasets, runs, versions_of
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import serving
from tests.dashboards.pages.schedules.test_schedules_browser import ONCE
from tests.dashboards.test_browser import shoot
from tests.flows.cli.make.test_evaluate import EVALUATION
from tests.flows.conftest import RECIPE, ROOT, finish, start
from tests.prefect_home import migrated_home

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
HELD = "held"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A workspace with a recipe, an evaluation of two models, and a recipe whose first run fails; nothing was run."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
    (folder / "toys.py").write_text((ROOT / "tests" / "toys.py").read_text())
    (folder / "once.py").write_text(ONCE)
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "sums.yaml").write_text(EVALUATION)
    weekly = RECIPE.replace("toys.py:ToyEngine", "once.py:FailsOnce").replace("name: toy", "name: weekly")
    (folder / "weekly.yaml").write_text(weekly)
    migrated_home(folder / ".rollmill")
    yield folder
    finish(start("down", cwd=folder))


@pytest.fixture
def page(chromium: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The dashboard's first page, in a browser that may write; its jobs wait for a completion while HELD is there."""
    (folder / HELD).touch()
    monkeypatch.setenv("TOY_HOLD", str(folder / HELD))
    with serving(folder) as printed:
        shown = chromium.new_page(viewport={"width": 1400, "height": 1300})
        shown.set_default_timeout(PATIENCE)
        shown.goto(printed)
        yield shown
        shown.close()


def test_a_day_with_the_mouse_alone(page: Page, folder: Path) -> None:
    page.get_by_role("link", name="Start a run here").click()
    titled(page, "New run")
    start_run(page, "Start the run")
    expect(page.get_by_text("rollmill runs watch toy-")).to_be_visible()  # while it works
    shoot(page, "day-live")
    (folder / HELD).unlink()
    titled(page, "Runs")
    expect(page.get_by_text("rollmill dataset show toy")).to_be_visible()
    shoot(page, "day-done")
    second_rule(page)
    difference(page, folder)
    comparison(page)
    review(page, folder)
    schedule(page, folder)
    export(page, folder)
    with Reader.open(folder) as reader:
        assert [(row.name, row.versions) for row in datasets(reader)] == [("toy", 2), ("weekly", 1)]
        cells = [f"sums.{benchmark}.{model}" for benchmark in ("large", "small") for model in ("good", "poor")]
        assert sorted(run.name for run in runs(reader)) == [*cells, "toy", "toy", "weekly"]


def menu(page: Page, name: str, title: str = "") -> None:
    """Open a page by its link in the menu."""
    drawn(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
    titled(page, title or name)


def titled(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()
    drawn(page)


def drawn(page: Page) -> None:
    """The page is drawn, and without an error."""
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def press(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_enabled()
    drawn(page)
    button.click()


def pick(page: Page, box: str, option: str) -> None:
    """Choose in a box."""
    page.get_by_role("combobox", name=box, exact=False).first.click()
    page.get_by_role("option", name=option, exact=True).click()
    drawn(page)


def step_down(page: Page, label: str) -> None:
    """Press the minus of a number."""
    number = page.get_by_test_id("stNumberInput").filter(has=page.get_by_text(label, exact=True))
    number.get_by_test_id("stNumberInputStepDown").click()


def start_run(page: Page, label: str) -> None:
    """Start what the form holds, after its question; the page of the run opens by itself."""
    press(page, label)
    page.get_by_role("button", name=f"Yes, {label[:1].lower()}{label[1:]}").click()
    page.wait_for_url("**/runs?run=*")


def second_rule(page: Page) -> None:
    """The same rollouts under another selection make a second version."""
    menu(page, "Datasets")
    expect(page.get_by_role("heading", name="toy@v1", exact=True)).to_be_visible()
    shoot(page, "day-version")
    page.get_by_role("link", name="Run its recipe again or changed").click()
    titled(page, "New run")
    step_down(page, "Per problem")
    expect(page.get_by_text("select.options.per_problem=2", exact=True)).to_be_visible()
    shoot(page, "day-second-rule")
    start_run(page, "Start the run")
    titled(page, "Runs")
    expect(page.get_by_text("rollmill dataset show toy")).to_be_visible()


def difference(page: Page, folder: Path) -> None:
    """The diff of the two versions leads to a rollout that the second rule dropped."""
    menu(page, "Diff")
    expect(page.get_by_text("select.options.per_problem", exact=False).first).to_be_attached()
    with Reader.open(folder) as reader:
        newer, older = versions_of(reader, "toy")
    dropped = older.kept - newer.kept
    assert dropped > 0
    expect(page.get_by_text(f"{dropped} rollouts: kept → over_quota", exact=False)).to_be_visible()
    shoot(page, "day-diff")


def comparison(page: Page) -> None:
    """Two models are evaluated on two benchmarks and compared; a point opens its rollouts."""
    menu(page, "New run")
    page.get_by_text("Evaluate", exact=True).click()
    expect(page.get_by_text("4 of 4")).to_be_visible()
    shoot(page, "day-evaluate")
    start_run(page, "Start the evaluation")
    expect(page.get_by_text("4 cells, 4 of them done", exact=False)).to_be_visible()
    compare = page.get_by_role("link", name="Compare its models")
    expect(compare).to_be_visible()
    shoot(page, "day-evaluated")
    compare.click()
    titled(page, "Compare")
    expect(page.get_by_text("good at 0.", exact=False).first).to_be_visible()
    expect(page.get_by_role("heading", name="Two models on the same problems")).to_be_visible()
    expect(page.locator(".vega-embed path[aria-label*='good']").first).to_be_visible()
    shoot(page, "day-compare")
    page.locator(".vega-embed").first.locator("path[aria-label*='poor']").first.click()
    titled(page, "Explore")
    expect(page.get_by_text("rollouts match", exact=False)).to_be_visible()
    shoot(page, "day-explore")


def review(page: Page, folder: Path) -> None:
    """An audit is drawn and ten of its rollouts are judged by clicks."""
    menu(page, "New run")
    page.get_by_text("Audit", exact=True).click()
    drawn(page)
    press(page, "Start the audit")
    page.get_by_role("button", name="Yes, start the audit").click()
    page.get_by_role("link", name="Judge the drawn rollouts").click()
    titled(page, "Review")
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    for count in range(10):
        expect(page.get_by_text(f"{count} of ", exact=False).and_(page.get_by_text("judged by ann"))).to_be_visible()
        page.mouse.move(0, 0)  # the hint of the last button lies over its neighbours
        page.locator(f".st-key-review-{'incorrect' if count % 5 == 4 else 'correct'} button").first.click()
    expect(page.get_by_text("Judged: ann 10.")).to_be_visible()
    shoot(page, "day-review")
    with Reader.open(folder) as reader:
        judged = [row.judgement for given in reader.audits.judgements().values() for row in given]
    assert sorted(judged) == [*["correct"] * 8, *["incorrect"] * 2]


def schedule(page: Page, folder: Path) -> None:
    """A schedule is added, served, fired; it fails, is retried and publishes; the server is stopped."""
    menu(page, "Schedules")
    pick(page, "Recipe, evaluation, mixture or sweep", "weekly.yaml")
    press(page, "Add")
    expect(page.get_by_text("Scheduled weekly", exact=False)).to_be_visible()
    press(page, "Start")
    expect(page.get_by_text("Served: this workspace is up", exact=False)).to_be_visible(timeout=2 * PATIENCE)
    press(page, "Run now")
    page.get_by_role("link", name="close icon").click(timeout=2 * PATIENCE)  # the page shows it by itself
    expect(page.get_by_text("the model is not there.", exact=False).first).to_be_visible(timeout=2 * PATIENCE)
    shoot(page, "day-failed")
    press(page, "Retry")
    expect(page.get_by_text("weekly@v1 published", exact=False).first).to_be_visible(timeout=2 * PATIENCE)
    shoot(page, "day-retried")
    press(page, "Stop")
    press(page, "Yes, stop")
    expect(page.get_by_text("Schedules are not served", exact=False).first).to_be_visible()
    with Workspace.open(folder) as ws:
        assert [firing.status for firing in ws.firings.recent("weekly")] == ["done", "failed"]


def export(page: Page, folder: Path) -> None:
    """A version becomes a file for a trainer, which the browser downloads."""
    menu(page, "New run")
    page.get_by_text("Export", exact=True).click()
    drawn(page)
    pick(page, "Version", "toy@v2")
    press(page, "Make the file")
    download = page.get_by_role("link", name="Download toy-v2", exact=False)
    expect(download).to_be_visible()
    shoot(page, "day-export")
    with page.expect_download() as waited:
        download.click()
    lines = waited.value.path().read_text().splitlines()
    with Reader.open(folder) as reader:
        assert len(lines) == versions_of(reader, "toy")[0].kept
    assert all(json.loads(line) for line in lines)
