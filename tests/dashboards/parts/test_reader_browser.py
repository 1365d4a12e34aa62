"""The drawer in headless Chromium: keys from rollout to rollout, a link to each, the mark, the differences; inert prose."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.dashboards.inert import visible
from rollmill.storage.queries import Reader, dataset_scope, search_problems
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import STRANGER, serving
from tests.dashboards.parts.test_prose import HOSTILE as PAYLOADS
from tests.dashboards.parts.test_reader import imported
from tests.dashboards.test_browser import shoot, visit

SLOWEST = 2.0  # seconds of half of the key strokes: 0.5 on an idle machine, where this one may be shared
FORMED = ("emphasis", "table", "code", "fence", "stand-ins")  # payloads inside of what is shown in its form
SIZES = ((1400, 1500, "light"), (800, 1500, "dark"))
pytestmark = pytest.mark.browser
__all__ = ["imported"]  # fixture


@pytest.fixture(scope="module")
def printed(imported: Path) -> Iterator[str]:
    """The address that `rollmill dashboard` prints for the workspace with three rollouts."""
    with serving(imported) as address:
        yield address


@pytest.fixture
def asked() -> list[str]:
    """Requests of the page."""
    return []


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[2]}")
def browser(chromium: Browser, printed: str, asked: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height, scheme = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(printed)
    yield page
    context.close()
    host = printed.split("/")[2]
    assert [url for url in asked if url.startswith(("http", "ws")) and url.split("/")[2] != host] == []


def test_a_rollout_is_read_by_keys_with_its_answer_marked(browser: Page, printed: str) -> None:
    served = printed.partition("/?")[0]
    visit(browser, f"{served}/explore?of=version+read%40v1&sort=level", "Explore")
    browser.get_by_role("row").nth(1).get_by_role("gridcell").nth(1).click()
    drawer = browser.get_by_role("dialog")
    expect(drawer.get_by_text("rollout 1 of 3")).to_be_visible(timeout=PATIENCE)
    expect(drawer.get_by_text("problem 1 of 2 matches")).to_be_visible()
    mark = drawer.locator("span.stMarkdownColoredBackground")
    expect(mark.locator(".katex").first).to_be_visible()  # the box around 42
    assert drawer.locator("a, img, script").count() == 0
    assert f"{STRANGER}/tag.png" in drawer.inner_text().replace("\u2060", "")
    shoot(browser, f"reader-{browser.viewport_size['width'] if browser.viewport_size else 0}")
    addresses, spent = [browser.url], []
    for press, number in (("j", 2), ("j", 3), ("k", 2), ("k", 1), ("j", 2)):
        began = time.perf_counter()
        browser.keyboard.press(press)
        expect(drawer.get_by_text(f"rollout {number} of 3")).to_be_visible(timeout=PATIENCE)
        spent.append(time.perf_counter() - began)
        browser.wait_for_url(lambda url: url != addresses[-1])
        addresses.append(browser.url)
    assert sorted(spent)[2] < SLOWEST, spent
    assert addresses[4] == addresses[0]
    expect(mark).to_have_text("42")
    assert mark.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "underline"
    expect(drawer.locator("pre code").first).to_have_text("print(6 * 7)")
    shoot(browser, f"reader-code-{browser.viewport_size['width'] if browser.viewport_size else 0}")
    drawer.get_by_role("button", name="Copy link").click()
    expect(drawer.get_by_role("button", name="Copied")).to_be_visible()
    link = browser.evaluate("navigator.clipboard.readText()")
    assert link == addresses[1]
    visit(browser, link, "Explore")
    expect(drawer.get_by_text("rollout 2 of 3")).to_be_visible(timeout=PATIENCE)
    settled(browser)
    drawer.get_by_text("Two side by side").click()
    expect(drawer.locator("del").first).to_be_visible(timeout=PATIENCE)
    expect(drawer.locator("ins").first).to_be_visible()
    assert drawer.locator("ins").last.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "underline"
    assert drawer.locator("del").last.evaluate("mark => getComputedStyle(mark).textDecorationLine") == "line-through"
    shoot(browser, f"reader-two-{browser.viewport_size['width'] if browser.viewport_size else 0}")


def test_every_payload_is_shown_literally_and_nothing_acts(browser: Page, printed: str, imported: Path) -> None:
    served = printed.partition("/?")[0]
    with Reader.open(imported) as reader:
        rows = search_problems(dataset_scope(reader, "read@v1")).rows
    [problem] = [row.id for row in rows if row.prompt.startswith("Which payload")]
    visit(browser, f"{served}/explore?of=version+read%40v1&problem={problem}", "Explore")
    drawer = browser.get_by_role("dialog")
    seen = []
    for number in range(1, len(PAYLOADS) + 1):
        expect(drawer.get_by_text(f"rollout {number} of {len(PAYLOADS)}", exact=True)).to_be_visible(timeout=PATIENCE)
        expect(browser.get_by_test_id("stSkeleton")).to_have_count(0)
        settled(browser)
        assert drawer.locator("a, img, script, iframe, [src], .katex-error").count() == 0
        assert browser.title() != "owned"
        seen.append(drawer.inner_text().replace("\u2060", "").replace("\u00a0", " "))
        if number < len(PAYLOADS):
            browser.keyboard.press("j")
    for name, (text, _) in PAYLOADS.items():
        if name not in FORMED:
            lines = [visible(line).strip() for line in text.split("\n") if line.strip()]
            assert any(all(line in page for line in lines) for page in seen), name
