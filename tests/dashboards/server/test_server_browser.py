"""The served dashboard in Chromium: addresses without a page, a clean console, and a reviewer's name that stays."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import PATIENCE
from tests.dashboards.conftest import run_in, serving
from tests.dashboards.test_browser import shoot, visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def printed(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard over a workspace with an audit."""
    folder = tmp_path_factory.mktemp("served") / "ws"
    shutil.copytree(curated, folder)
    run_in(folder, ["audit", "verifier", "number", "--run", _run(folder), "--n", "12"])
    with serving(folder) as address:
        yield address


def _run(folder: Path) -> str:
    from rollmill.storage.queries import Reader

    with Reader.open(folder) as reader:
        return next(run.id for run in reader.runs.list() if run.name == "toy")


@pytest.fixture
def failures() -> list[str]:
    """Requests that the server refused."""
    return []


@pytest.fixture
def browser(chromium: Browser, printed: str, failures: list[str]) -> Iterator[Page]:
    """A page that may write."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(printed)
    page.on("response", lambda answer: failures.append(f"{answer.status} {answer.url}") if answer.status > 399 else None)
    yield page
    page.close()


def test_an_address_without_a_page_says_so_and_leads_to_the_nearest(
    browser: Page, printed: str, failures: list[str]
) -> None:
    served = printed.partition("/?")[0]
    answer = browser.goto(f"{served}/datsets")
    assert answer is not None
    assert answer.status == 404
    visit(browser, f"{served}/datsets", "No such page")
    assert browser.url == f"{served}/datsets"
    expect(browser.get_by_text("404: the address names no page of this dashboard.")).to_be_visible()
    expect(browser.get_by_text("unknown page 'datsets'. Did you mean 'datasets'? Valid: ")).to_be_visible()
    for width, scheme in ((1400, "light"), (1400, "dark"), (800, "light"), (800, "dark")):
        browser.set_viewport_size({"width": width, "height": 1000})
        browser.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        shoot(browser, f"no-such-page-{width}-{scheme}")
    browser.set_viewport_size({"width": 1400, "height": 1000})
    browser.get_by_role("link", name="Open Datasets").click()
    expect(browser.get_by_role("heading", name="Datasets", exact=True)).to_be_visible()
    assert failures == [f"404 {served}/datsets"] * 2
    visit(browser, f"{served}/first", "No such page")  # the path that the first page reserves


def test_an_address_is_shown_as_text(browser: Page, printed: str) -> None:
    served = printed.partition("/?")[0]
    visit(browser, f"{served}/%3Cimg%20src=x%20onerror=document.title=1%3E", "No such page")
    expect(browser.get_by_text("unknown page '<img src=x onerror=document.title=1>'")).to_be_visible()
    assert browser.locator("img[src=x]").count() == 0
    assert browser.title() == "Rollmill"
    expect(browser.get_by_role("link", name="Open Home")).to_be_visible()  # no page has a name like it


def test_a_misspelt_parameter_is_told_and_removed(browser: Page, printed: str) -> None:
    served = printed.partition("/?")[0]
    visit(browser, f"{served}/explore?of=version+toy%40v1&lvel=2&level=1", "Explore")
    expect(browser.get_by_text("Unknown parameter of Explore's address 'lvel'. Did you mean 'level'?")).to_be_visible()
    expect(browser.get_by_text("4 problems match")).to_be_visible()
    browser.get_by_role("button", name="Remove lvel").click()
    browser.wait_for_url(lambda url: "lvel" not in url and "level=1" in url)
    expect(browser.get_by_text("Unknown parameter", exact=False)).to_have_count(0)


def test_no_page_asks_for_what_is_not_there(browser: Page, printed: str, failures: list[str]) -> None:
    served = printed.partition("/?")[0]
    for path, title in (
        ("", "Home"),
        ("runs", "Runs"),
        ("explore", "Explore"),
        ("compare", "Compare"),
        ("papers", "Papers"),
    ):
        visit(browser, f"{served}/{path}", title)
    visit(browser, f"{served}/budgets", "Difficulty and budget")  # an address of before
    browser.wait_for_url("**/difficulty?*view=Budget*")
    visit(browser, f"{served}/start", "New run")  # what people type
    browser.wait_for_url("**/new*")
    assert failures == []


def test_a_reviewers_name_stays_in_this_browser_alone(browser: Page, printed: str) -> None:
    served = printed.partition("/?")[0]
    visit(browser, f"{served}/review", "Review")
    name = browser.get_by_label("Your name")
    expect(name).to_have_value("")
    name.fill("Ann <b>")
    name.press("Enter")
    expect(browser.get_by_text("0 of 12 judged by Ann <b>")).to_be_visible()
    visit(browser, browser.url, "Review")
    expect(name).to_have_value("Ann <b>")
    expect(browser.get_by_text("0 of 12 judged by Ann <b>")).to_be_visible()
    shoot(browser, "review-name")
    assert "Ann" not in browser.url
    assert not any("Ann" in str(cookie) for cookie in browser.context.cookies())
    browser.get_by_role("link", name="Home").click()
    expect(browser.get_by_role("heading", name="Home", exact=True)).to_be_visible()
    browser.get_by_role("link", name="Review").first.click()
    expect(name).to_have_value("Ann <b>")
    assert browser.context.browser is not None
    other = browser.context.browser.new_page()  # the same person in another browser
    other.goto(printed)
    visit(other, browser.url, "Review")
    other.wait_for_timeout(1_000)
    expect(other.get_by_label("Your name")).to_have_value("")
    name.fill("")
    name.press("Enter")
    expect(browser.get_by_text("Type your name", exact=False)).to_be_visible()
    visit(browser, browser.url, "Review")
    browser.wait_for_timeout(1_000)
    expect(name).to_have_value("")
