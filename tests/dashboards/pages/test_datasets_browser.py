"""The pages Datasets and Diff in headless Chromium: a version is chosen, tagged and withdrawn; a cell opens its rows."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import PATIENCE, settled
from tests.dashboards.test_browser import browser, printed, served, shoot, strangers, visit
from tests.flows.conftest import finish, start

pytestmark = pytest.mark.browser
__all__ = ["browser", "printed", "served", "strangers"]  # fixtures


def test_a_version_is_chosen_tagged_and_withdrawn(browser: Page, served: str) -> None:
    visit(browser, f"{served}/datasets?dataset=toy", "Datasets")
    expect(browser.get_by_role("heading", name="toy@v2", exact=True)).to_be_visible()
    box = browser.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    browser.mouse.click(box["x"] + 15, box["y"] + 87)  # the mark of the second row; the table is one canvas
    expect(browser.get_by_role("heading", name="toy@v1", exact=True)).to_be_visible(timeout=PATIENCE)
    browser.wait_for_url("**version=toy%40v1*")
    browser.get_by_role("tab", name="Tags and sign-off").click()
    browser.get_by_label("New tag").fill("release")
    browser.get_by_label("New tag").press("Enter")
    browser.get_by_role("button", name="Tag", exact=True).click()
    expect(browser.get_by_text("release points to toy@v1.", exact=False)).to_be_visible(timeout=PATIENCE)
    expect(browser.get_by_role("button", name="Untag release")).to_be_visible(timeout=PATIENCE)
    browser.get_by_label("Why, for readers").fill("wrong references")
    browser.get_by_label("Why, for readers").press("Enter")
    browser.get_by_role("button", name="Yank", exact=True).click()
    expect(browser.get_by_text("rollmill dataset yank '--reason=wrong references' -- toy@v1")).to_be_visible()
    browser.get_by_role("button", name="Yes, yank").click()
    expect(browser.get_by_text("yanked: wrong references", exact=False).first).to_be_visible(timeout=PATIENCE)
    shoot(browser, "versions")
    browser.get_by_role("button", name="Take the withdrawal back").click()
    expect(browser.get_by_text("yanked: wrong references", exact=False)).to_have_count(0, timeout=PATIENCE)
    browser.get_by_role("button", name="Untag release").click()
    expect(browser.get_by_role("button", name="Untag release")).to_have_count(0, timeout=PATIENCE)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark")])
def test_gates_and_drift_are_drawn(browser: Page, served: str, width: int, scheme: str) -> None:
    browser.set_viewport_size({"width": width, "height": 1500})
    browser.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for tab, charts in (("Gates", 5), ("Drift", 7)):
        visit(browser, f"{served}/datasets?dataset=toy&tab={tab}", "Datasets")
        expect(browser.locator(".vega-embed").nth(charts - 1)).to_be_visible(timeout=PATIENCE)
        assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shoot(browser, f"{tab.lower()}-{width}-{scheme}")


def test_a_cell_of_the_flow_opens_its_rows_and_a_link_reopens_them(browser: Page, served: str, curated: Path) -> None:
    ended = finish(start("curate", "hostile.yaml", "--direct", "--set", "select.method=quota", cwd=curated))
    assert ended.status == 0, ended.err
    visit(browser, f"{served}/diff?dataset=toy&before=toy%40v1&after=toy%40v2", "Diff")
    chart = browser.locator(".vega-embed").first
    expect(chart).to_be_visible(timeout=PATIENCE)
    expect(browser.get_by_text("rollouts: kept → over_quota", exact=False)).to_be_visible()
    settled(browser)  # until then the chart may move
    box = chart.bounding_box()
    assert box is not None
    browser.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + 68)  # kept, as it was: the first cell
    expect(browser.get_by_text("rollouts: kept → kept", exact=False)).to_be_visible(timeout=PATIENCE)
    browser.wait_for_url("**was=kept*")
    visit(browser, browser.url, "Diff")
    expect(browser.get_by_text("rollouts: kept → kept", exact=False)).to_be_visible(timeout=PATIENCE)
    shoot(browser, "diff")
    visit(browser, f"{served}/diff?dataset=hostile", "Diff")
    browser.wait_for_timeout(1500)
    assert browser.title() != "owned"
    assert browser.locator("img[alt='pixel'], [src*='47999'], [href*='47999'], .katex").count() == 0
