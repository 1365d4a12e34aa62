"""Explore and Review in headless Chromium: facets filter, keys go through problems, and judge within half a second."""

import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rollmill.storage.queries import Reader
from tests.chromium import PATIENCE, settled
from tests.dashboards.test_browser import browser, printed, served, shoot, strangers, visit
from tests.flows.conftest import finish, start

SLOWEST = 2.0  # seconds of half of the judgements: 0.5 on an idle machine, where this one may be shared
pytestmark = pytest.mark.browser
__all__ = ["browser", "printed", "served", "strangers"]  # fixtures


def test_facets_filter_and_keys_go_through_the_problems(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1&sort=id", "Explore")
    expect(browser.get_by_text("12 problems match")).to_be_visible()
    browser.get_by_role("button", name="2 · 4").click()
    expect(browser.get_by_text("4 problems match")).to_be_visible(timeout=PATIENCE)
    browser.wait_for_url("**level=2*")
    browser.get_by_role("row").nth(1).click()  # below the headings
    drawer = browser.get_by_role("dialog")
    for key, number in (("", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        if key:
            browser.keyboard.press(key)
        expect(drawer.get_by_text(f"problem {number} of 4 matches")).to_be_visible(timeout=PATIENCE)
        expect(drawer.get_by_text("Record", exact=True).first).to_be_visible(timeout=PATIENCE)  # the whole drawer is there
        settled(browser)
    drawer.get_by_text("Two side by side").click()
    expect(drawer.get_by_test_id("stColumn")).to_have_count(6, timeout=PATIENCE)  # two choices, verdicts and texts
    shoot(browser, "drawer")
    browser.keyboard.press("Escape")
    expect(drawer).to_have_count(0, timeout=PATIENCE)
    expect(browser.get_by_text("4 problems match")).to_be_visible(timeout=PATIENCE)
    browser.wait_for_url(lambda url: "problem=" not in url)


@pytest.fixture
def drawn(curated: Path) -> None:
    with Reader.open(curated) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "toy")
    ended = finish(start("audit", "verifier", "number", "--run", run, "--n", "20", cwd=curated))
    assert ended.status == 0, ended.err


@pytest.mark.usefixtures("drawn")
def test_keys_judge_and_undo(browser: Page, served: str) -> None:
    visit(browser, f"{served}/review", "Review")
    browser.get_by_label("Your name").fill("keys")
    browser.get_by_label("Your name").press("Enter")
    expect(browser.get_by_text("0 of 20 judged by keys")).to_be_visible(timeout=PATIENCE)
    browser.get_by_role("heading", name="Review", exact=True).click()  # a key in a text field is text
    spent = []
    for count in range(1, 9):
        began = time.perf_counter()
        browser.keyboard.press(str(1 + count % 4))
        expect(browser.get_by_text(f"{count} of 20 judged by keys")).to_be_visible(timeout=PATIENCE)
        spent.append(time.perf_counter() - began)
    assert sorted(spent)[3] < SLOWEST, spent
    browser.keyboard.press("u")
    expect(browser.get_by_text("7 of 20 judged by keys")).to_be_visible(timeout=PATIENCE)
    shoot(browser, "review-keys")
