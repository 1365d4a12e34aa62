"""Every page with charts in headless Chromium: Vega, which draws them, has nothing to warn of."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rollmill.storage.queries import Reader
from tests.chromium import PATIENCE
from tests.dashboards.test_browser import browser, printed, served, strangers, visit

pytestmark = pytest.mark.browser
__all__ = ["browser", "printed", "served", "strangers"]  # fixtures
CHARTS = "svg.marks, canvas.marks"
ADDRESSES = (
    ("Datasets", "datasets?dataset=toy"),
    ("Datasets", "datasets?dataset=hostile"),  # of a single version
    ("Diff", "diff?dataset=toy"),
    ("Explore", "explore?of=version+toy%40v1"),
    ("Explore", "explore?of=version+toy%40v1&rowsby=level&colsby=template"),
    ("Explore", "explore?of=version+hostile%40v1&rowsby=model&colsby=outcome"),
    ("Compare", "compare?evaluation=toy"),
    ("Compare", "compare?evaluation=hostile"),
    ("Difficulty and budget", "difficulty?of=version+toy%40v1"),
    ("Difficulty and budget", "difficulty?of=version+toy%40v1&by=template"),
    ("Difficulty and budget", "difficulty?of=version+toy%40v1&view=Budget"),
    ("Verifiers", "verifiers?of=version+toy%40v1&view=Rules"),
)


@pytest.mark.parametrize(("title", "path"), ADDRESSES, ids=[path for _, path in ADDRESSES])
def test_no_chart_of_a_page_warns(browser: Page, served: str, title: str, path: str) -> None:
    said: list[str] = []
    browser.on("console", lambda message: said.append(message.text))
    visit(browser, f"{served}/{path}", title)
    expect(browser.locator(CHARTS).first).to_be_visible(timeout=PATIENCE)
    browser.wait_for_timeout(1500)  # charts are drawn after their page, one after another
    assert [text for text in said if "WARN" in text] == []


def test_no_chart_of_a_run_warns(browser: Page, served: str, curated: Path) -> None:
    with Reader.open(curated) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "toy")
    test_no_chart_of_a_page_warns(browser, served, "Runs", f"runs?run={run}")
