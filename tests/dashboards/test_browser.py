"""A walk through the served dashboard in headless Chromium: every page, one problem opened, while a run writes.

Screenshots land in $ROLLMILL_SCREENSHOTS when it names a folder; somebody should look at them after a page changed.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.storage.queries import Reader
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import serving
from tests.flows.conftest import finish, start

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def printed(curated: Path) -> Iterator[str]:
    """The address that `rollmill dashboard` prints, with its token."""
    with serving(curated) as address:
        yield address


@pytest.fixture
def served(printed: str) -> str:
    """The dashboard's address without the token."""
    return printed.partition("/?")[0]


@pytest.fixture
def strangers() -> list[str]:
    """What the page asked of other hosts."""
    return []


@pytest.fixture
def browser(chromium: Browser, printed: str, served: str, strangers: list[str]) -> Iterator[Page]:
    """A page that may write, and fails the test when it asks anything of another host."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1700})
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: strangers.append(request.url) if _is_foreign(request.url, served) else None)
    page.goto(printed)
    yield page
    page.close()
    assert strangers == []


def _is_foreign(url: str, served: str) -> bool:
    return url.startswith(("http:", "https:", "ws:", "wss:")) and url.split("/")[2] != served.split("/")[2]


def visit(page: Page, address: str, title: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def shoot(page: Page, name: str) -> None:
    folder = os.environ.get("ROLLMILL_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_walk(browser: Page, served: str, curated: Path) -> None:
    visit(browser, served, "Home")
    shoot(browser, "home")
    visit(browser, f"{served}/overview", "Runs")  # its address before
    browser.wait_for_url("**/runs*")
    expect(browser.get_by_text("Next command", exact=True)).to_be_visible()
    expect(browser.locator("canvas, svg.marks, .vega-embed").first).to_be_visible()
    shoot(browser, "runs")

    visit(browser, f"{served}/datasets", "Datasets")
    browser.get_by_role("tab", name="Quality report").click()
    report = browser.frame_locator("iframe").first
    expect(report.locator("table").first).to_be_visible()
    shoot(browser, "report")
    browser.get_by_role("tab", name="Card").click()
    shoot(browser, "datasets")

    visit(browser, f"{served}/difficulty?of=version+toy%40v1", "Difficulty and budget")
    expect(browser.get_by_text("Pass rate by level")).to_be_visible()
    shoot(browser, "difficulty")

    visit(browser, f"{served}/compare?evaluation=toy", "Compare")
    expect(browser.get_by_text("Pass rates with 95% intervals", exact=False)).to_be_visible(timeout=PATIENCE)
    shoot(browser, "compare")

    with Reader.open(curated) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "toy")
    visit(browser, f"{served}/budgets?of=run+{run}", "Difficulty and budget")
    expect(browser.get_by_text("Coverage against tokens")).to_be_visible()
    expect(browser.get_by_text("Why it stopped")).to_be_visible()
    expect(browser.locator("canvas, svg.marks, .vega-embed").nth(2)).to_be_visible()
    shoot(browser, "budgets")


def test_the_listener_hears_a_picture_of_another_host(browser: Page, strangers: list[str]) -> None:
    browser.set_content('<img src="http://127.0.0.1:47999/pixel.png">')
    browser.wait_for_timeout(500)
    assert strangers == ["http://127.0.0.1:47999/pixel.png"]
    strangers.clear()


def test_what_is_chosen_stands_in_the_address_and_a_link_reopens_it(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1", "Explore")
    browser.get_by_placeholder("Text or id in problems").fill("1005")
    browser.get_by_placeholder("Text or id in problems").press("Enter")
    expect(browser.get_by_text("1 problem matches", exact=False)).to_be_visible()
    browser.wait_for_url("**/explore?*text=1005*")
    assert "of=version+toy%40v1" in browser.url
    browser.context.grant_permissions(["clipboard-read", "clipboard-write"])
    browser.get_by_role("button", name="Copy link").click()
    expect(browser.get_by_role("button", name="Copied")).to_be_visible()
    link = browser.evaluate("navigator.clipboard.readText()")
    assert link == browser.url
    visit(browser, link, "Explore")
    expect(browser.get_by_text("1 problem matches", exact=False)).to_be_visible()

    visit(browser, f"{served}/datasets?dataset=toy", "Datasets")
    browser.get_by_role("tab", name="Gates").click()
    browser.wait_for_url("**tab=Gates*")
    expect(browser.get_by_text("No row ever failed", exact=False)).to_be_visible()
    visit(browser, browser.url, "Datasets")
    expect(browser.get_by_text("No row ever failed", exact=False)).to_be_visible()
    visit(browser, f"{served}/datasets?dataset=toy&version=toy%40v9", "Datasets")
    expect(browser.get_by_text("unknown version 'toy@v9'", exact=False)).to_be_visible()


def _begun(folder: Path, name: str) -> str:
    """The id of the newest run of a recipe, once it has begun."""
    with Reader.open(folder) as reader:
        while True:
            for run in reader.runs.list():
                if run.name == name:
                    return run.id
            time.sleep(0.1)


def test_a_run_is_live_while_a_run_writes(browser: Page, served: str, curated: Path) -> None:
    recipe = (curated / "toy.yaml").read_text().replace("name: toy", "name: live").replace("chance: 0.5", "chance: 0.31")
    (curated / "live.yaml").write_text(recipe)
    process = start("curate", "live.yaml", "--direct", cwd=curated, TOY_SLEEP="0.05")
    try:
        visit(browser, f"{served}/runs?run={_begun(curated, 'live')}", "Runs")
        expect(browser.get_by_role("heading", name="live-", exact=False).first).to_be_visible(timeout=PATIENCE)
        expect(browser.get_by_text("rollmill runs watch live-", exact=False)).to_be_visible(timeout=PATIENCE)
        shoot(browser, "live")
        expect(browser.get_by_text("rollmill dataset show live")).to_be_visible(timeout=PATIENCE)
    finally:
        ended = finish(process)
    assert ended.status == 0, ended.err


def test_a_review_is_judged_in_the_browser(browser: Page, served: str, curated: Path) -> None:
    with Reader.open(curated) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "toy")
    ended = finish(start("audit", "verifier", "number", "--run", run, "--n", "20", cwd=curated))
    assert ended.status == 0, ended.err
    visit(browser, f"{served}/review", "Review")
    browser.get_by_label("Your name").fill("ann")
    browser.get_by_label("Your name").press("Enter")
    expect(browser.get_by_text("0 of 20 judged by ann", exact=False)).to_be_visible(timeout=PATIENCE)
    for count in range(1, 21):
        browser.mouse.move(0, 0)  # the hint of the last button lies over its neighbours
        browser.locator(f".st-key-review-{'correct' if count % 5 else 'incorrect'} button").first.click()
        expect(browser.get_by_text(f"{count} of 20 judged by ann", exact=False)).to_be_visible(timeout=PATIENCE)
        if count == 10:
            shoot(browser, "review")
    expect(browser.get_by_text("Nothing is left here.")).to_be_visible()
    shoot(browser, "reviewed")
