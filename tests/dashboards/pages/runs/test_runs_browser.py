"""Runs in headless Chromium: a bar opens Explore, two rows are compared, a refused run is asked again and dismissed."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rollmill.storage.queries import Reader, versions_of
from tests.chromium import PATIENCE
from tests.dashboards.conftest import serving
from tests.dashboards.test_browser import browser, served, shoot, strangers, visit
from tests.flows.conftest import finish, start

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
__all__ = ["browser", "served", "strangers"]  # fixtures
ROW, TICK, NAME = 35, 15, 120  # pixels: height of a row, place of its tick, place in its name


@pytest.fixture(scope="module")
def folder(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workspace with a third toy run, which its gate refused."""
    copy = tmp_path_factory.mktemp("runs") / "ws"
    shutil.copytree(curated, copy, symlinks=True)
    held = finish(start("curate", "toy.yaml", "--direct", "--set", "gate.min_kept=5000", "--set", "name=held", cwd=copy))
    assert held.status == 1, held.err
    return copy


@pytest.fixture(scope="module")
def printed(folder: Path) -> Iterator[str]:
    with serving(folder) as address:
        yield address


def ids(folder: Path) -> list[str]:
    with Reader.open(folder) as reader:
        return [run.id for run in reader.runs.list()]


def click_row(page: Page, place: int, x: int) -> None:
    """Click in a row of the table of runs, which is one canvas."""
    box = page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + ROW * (place + 1) + ROW / 2)


def test_a_bar_opens_its_rollouts_in_explore(browser: Page, served: str, folder: Path) -> None:
    toy = ids(folder)[-2]
    for bar, address in (
        ("stage: incorrect", "outcome=incorrect"),
        ("stage: dropped: incorrect", "reason=incorrect"),
        ("stage: kept", "kept=yes"),
        ("stage: synthesize", "rows=problems"),
    ):
        visit(browser, f"{served}/runs?run={toy}", "Runs")
        browser.locator(f"[aria-label*='{bar};']").first.click()
        browser.wait_for_url(f"**/explore?*of=run+{toy}*", timeout=PATIENCE)
        expect(browser.get_by_role("heading", name="Explore", exact=True).first).to_be_visible()
        assert address in browser.url
        expect(browser.get_by_text(re.compile(r"(rollouts|problems) match")).first).to_be_visible()
    visit(browser, f"{served}/runs?run={toy}", "Runs")
    browser.locator("[aria-label*='stage: gate;']").first.click()
    browser.wait_for_url("**/runs?*tab=Gate*", timeout=PATIENCE)
    expect(browser.get_by_role("tab", name="Gate", selected=True)).to_be_visible()


def test_a_click_opens_a_run_and_two_ticked_ones_are_compared(browser: Page, served: str, folder: Path) -> None:
    held, _, newer, older = ids(folder)
    visit(browser, f"{served}/runs?run={older}", "Runs")
    click_row(browser, 2, NAME)
    browser.wait_for_url(f"**/runs?*run={newer}*", timeout=PATIENCE)
    expect(browser.get_by_role("heading", name=newer).first).to_be_visible()
    click_row(browser, 2, TICK)
    click_row(browser, 3, TICK)
    compare = browser.get_by_role("link", name=f"Compare {older} with {newer}")
    expect(compare).to_be_visible(timeout=PATIENCE)
    assert f"run={newer}" in browser.url  # ticking opens nothing
    shoot(browser, "runs-ticked")
    compare.click()
    browser.wait_for_url(f"**/compare?*evaluation={older}&other={newer}*", timeout=PATIENCE)
    expect(browser.get_by_text("12 shared problems", exact=False)).to_be_visible(timeout=PATIENCE)
    visit(browser, f"{served}/runs?run={held}&state=gate+refused", "Runs")
    expect(browser.locator("[role=gridcell]", has_text="▶")).to_have_count(1)
    shoot(browser, "runs-refused")


def test_a_refused_run_is_asked_again_with_another_limit(browser: Page, served: str, folder: Path) -> None:
    held = ids(folder)[0]
    visit(browser, f"{served}/runs?run={held}", "Runs")
    expect(browser.get_by_role("button", name="Resume")).to_have_count(0)
    browser.get_by_role("link", name="Rows against it").click()
    browser.wait_for_url("**/explore?*kept=no*", timeout=PATIENCE)
    visit(browser, f"{served}/runs?run={held}", "Runs")
    browser.get_by_role("button", name="Change the limit and ask again").click()
    browser.get_by_label("gate.min_kept").fill("5")
    browser.get_by_label("gate.min_kept").press("Enter")
    expect(browser.get_by_text("rollmill curate toy.yaml --set name=held --set gate.min_kept=5")).to_be_visible()
    shoot(browser, "runs-ask-again")
    browser.get_by_role("button", name="Ask again", exact=True).click()
    again = browser.get_by_role("button", name="Newest run of this recipe", exact=False)
    expect(again).to_be_attached(timeout=PATIENCE)
    browser.keyboard.press("Escape")
    again.click()
    expect(browser.get_by_text("rollmill dataset show held")).to_be_visible(timeout=PATIENCE)
    with Reader.open(folder) as reader:
        [version] = versions_of(reader, "held")
    assert version.kept == 29
    visit(browser, f"{served}/runs?run={held}", "Runs")
    browser.get_by_role("button", name="Dismiss").click()
    expect(browser.get_by_text("This run was dismissed", exact=False)).to_be_visible(timeout=PATIENCE)
