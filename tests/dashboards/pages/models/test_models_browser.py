"""The page Models in headless Chromium: hostile marks and cards stay text, a node of the lineage opens its page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import PATIENCE
from tests.dashboards.conftest import serving
from tests.dashboards.measured import nameless, pale, unreached, wider
from tests.dashboards.pages.models.test_experiments import reports
from tests.dashboards.test_browser import browser, served, shoot, strangers, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
__all__ = ["browser", "served", "strangers"]  # fixtures


@pytest.fixture(scope="module")
def printed(trained: Path) -> Iterator[str]:
    """The address of a dashboard over the workspace with models, a trial and a loop."""
    reports(trained)
    with serving(trained) as address:
        yield address


def test_hostile_tags_reasons_and_cards_are_inert(browser: Page, served: str) -> None:
    for tab in ("Card", "Commands", "Record"):
        visit(browser, f"{served}/models?model=student%40v3&tab={tab}", "Models")
        expect(browser.get_by_text("withdrawn: <script>", exact=False)).to_be_visible(timeout=PATIENCE)
        browser.wait_for_timeout(1500)
        assert browser.title() != "owned"
        page = browser.get_by_test_id("stApp")
        assert page.locator("[src*='47999'], [href*='47999'], img[alt='pixel'], .katex").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark")])
def test_pictures_are_drawn_and_a_node_opens_its_page(
    browser: Page,
    served: str,
    width: int,
    scheme: str,
) -> None:
    browser.set_viewport_size({"width": width, "height": 1500})
    browser.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    visit(browser, f"{served}/models?model=student%40v2", "Models")
    expect(browser.locator(".vega-embed").nth(1)).to_be_visible(timeout=PATIENCE)
    expect(browser.locator(".lineage .edges path")).to_have_count(5)
    session = browser.context.new_cdp_session(browser)
    found = {"without a name": nameless(session), "pale": pale(browser), "wider": wider(browser)}
    found["not reached"] = unreached(browser)
    assert {what: where for what, where in found.items() if where} == {}
    shoot(browser, f"models-{width}-{scheme}")
    browser.locator(".lineage").get_by_role("link", name="student@v1").click()
    # The picture of before stays until the new one is drawn.
    expect(browser.locator(".lineage .chosen")).to_have_text([re.compile("student@v1")], timeout=PATIENCE)
    browser.wait_for_url("**model=student%40v1*")
    browser.locator(".lineage").get_by_role("link", name="held").click()
    expect(browser.get_by_role("heading", name="Compare", exact=True)).to_be_visible(timeout=PATIENCE)
    browser.wait_for_url("**evaluation=held*")


@pytest.mark.parametrize(("width", "scheme"), [(1400, "dark"), (800, "light")])
def test_differences_and_rounds_are_drawn(browser: Page, served: str, width: int, scheme: str) -> None:
    browser.set_viewport_size({"width": width, "height": 1500})
    browser.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for name, title in (("trial%2Fquotas", "Differences in pass rate"), ("loop%2Fimprove", "Measures over the rounds")):
        visit(browser, f"{served}/models?view=Trials+and+loops&experiment={name}", "Models")
        expect(browser.get_by_text(title, exact=True)).to_be_visible(timeout=PATIENCE)
        expect(browser.locator(".vega-embed").nth(1)).to_be_visible(timeout=PATIENCE)
        session = browser.context.new_cdp_session(browser)
        found = {"without a name": nameless(session), "pale": pale(browser), "wider": wider(browser)}
        assert {what: where for what, where in found.items() if where} == {}
        shoot(browser, f"experiment-{name[:5]}-{width}-{scheme}")
