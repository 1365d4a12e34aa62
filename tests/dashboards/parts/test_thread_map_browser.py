"""The map of a search with 500 pieces in headless Chromium: drawn, gone through by keys, opened, and its texts inert."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE, settled
from tests.dashboards.conftest import HOSTILE, serving
from tests.dashboards.test_browser import browser, served, shoot, strangers, visit
from tests.storage.stepped.searched import OTHER, PROBLEM, RUN, grown, stored

SLOWEST = 10.0  # seconds until the map is drawn: 0.5 on an idle machine, where this one may be shared
FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
pytestmark = pytest.mark.browser
__all__ = ["browser", "served", "strangers"]  # fixtures


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a workspace with two searches, one of 500 pieces with texts that attack whoever shows them."""
    folder = tmp_path_factory.mktemp("searched") / "ws"
    with Workspace.init(folder) as ws:
        stored(ws, [*grown(500, own=f"{{n}} {HOSTILE}"), *grown(3, problem=OTHER, first=1_000)])
    with serving(folder) as address:
        yield address


def drawn(page: Page, served: str) -> Locator:
    """The drawer with the map of the large search."""
    visit(page, f"{served}/explore?of=run+{RUN}&problem={PROBLEM.id}", "Explore")
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_text(re.compile(r"problem \d+ of [\d,]+ match"))).to_be_visible(timeout=PATIENCE)
    settled(page)
    for answers in ("first asked for", "kept"):
        drawer.get_by_text("Rollouts", exact=True).click()
        expect(drawer.get_by_role("treeitem")).to_have_count(0, timeout=PATIENCE)
        began = time.perf_counter()
        drawer.get_by_text("Threads", exact=True).click()
        expect(drawer.get_by_role("treeitem")).to_have_count(520, timeout=PATIENCE)
        page.evaluate(FRAMES)
        spent = time.perf_counter() - began
        print(f"500 pieces, answers of queries {answers}: {spent:.2f} s from the click to the second frame")  # noqa: T201
    assert spent < SLOWEST
    return drawer


def focused(page: Page) -> str:
    """The label of the element with the focus."""
    return str(page.evaluate("document.activeElement.getAttribute('aria-label')"))


def test_five_hundred_pieces_are_drawn_and_a_click_opens_a_turn(browser: Page, served: str) -> None:
    drawer = drawn(browser, served)
    expect(drawer.get_by_text("500 pieces: 20 ended, 29 continued, 451 pruned")).to_be_visible()
    view = drawer.locator(".thread-map .view")
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")  # fitted
    drawer.get_by_role("button", name="Larger").click()
    assert view.evaluate("view => view.scrollWidth > view.clientWidth")
    drawer.get_by_role("button", name="Fit").click()
    assert view.evaluate("view => view.scrollWidth <= view.clientWidth")
    drawer.locator("[aria-label^='next, pruned, 5 tokens']", has_text="64 <script>").click()
    expect(drawer.get_by_text("role step · sample 64 · 5 tokens · follows next")).to_be_visible(timeout=PATIENCE)
    expect(drawer.locator("[aria-selected='true']")).to_have_count(1)
    assert drawer.locator(".edge.followed").count() == 3  # from the root to the fourth wave
    shoot(browser, "thread-map")


def test_keys_go_through_the_map_and_open_a_turn(browser: Page, served: str) -> None:
    drawer = drawn(browser, served)
    for _ in range(12):
        browser.keyboard.press("Tab")
        if "piece" in focused(browser):
            break
    assert focused(browser).startswith("piece, continued, 4 tokens, 7 of 20 answers below correct: 0 <script>")
    for key, begins in (
        ("ArrowDown", "piece, pruned, 5 tokens: 1 "),
        ("ArrowUp", "piece, continued, 4 tokens"),
        ("ArrowRight", "next, continued, 6 tokens, 7 of 20 answers below correct: 20 "),
        ("ArrowDown", "next, pruned, 7 tokens: 21 "),
        ("ArrowRight", "next, pruned, 12 tokens: 44 "),
        ("ArrowLeft", "next, pruned, 7 tokens: 21 "),
        ("Home", "piece, continued"),
        ("End", "answer, correct, kept, 0 tokens"),
        ("ArrowRight", "answer, correct, kept, 0 tokens"),
    ):
        browser.keyboard.press(key)
        assert begins in focused(browser), key
    last = focused(browser)
    browser.keyboard.press("Enter")
    expect(drawer.get_by_text("role answer · sample 519 · 0 tokens · follows next")).to_be_visible(timeout=PATIENCE)
    assert focused(browser) == last  # also after the page was drawn again
    # The drawer's own keys, the arrows to the previous and the next problem, have seen none of these.
    browser.keyboard.press("ArrowRight")
    browser.wait_for_timeout(3000)
    expect(drawer.get_by_text(re.compile(r"problem 1 of [\d,]+ match"))).to_be_visible()
    expect(drawer.get_by_text("500 pieces")).to_be_visible()
    browser.keyboard.press("Escape")
    expect(drawer).to_have_count(0, timeout=PATIENCE)


def test_texts_of_models_are_inert_in_the_map(browser: Page, served: str) -> None:
    drawer = drawn(browser, served)
    drawer.get_by_role("button", name="Larger").click(click_count=6)
    drawer.get_by_role("treeitem").first.click()
    expect(drawer.get_by_text("role step · sample 0")).to_be_visible(timeout=PATIENCE)
    label = drawer.get_by_role("treeitem").first.get_attribute("aria-label") or ""
    assert HOSTILE[:70] in label
    assert "\u202e" not in drawer.locator(".thread-map").inner_html()
    browser.wait_for_timeout(1000)
    assert browser.title() != "owned"
    assert drawer.locator(".thread-map").locator("script, img, a, [src], [href], foreignObject").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map_fits_a_narrow_page(browser: Page, served: str, scheme: str) -> None:
    browser.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    browser.set_viewport_size({"width": 800, "height": 1000})
    drawer = drawn(browser, served)
    box = drawer.locator(".thread-map").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 800
    shoot(browser, f"thread-map-800-{scheme}")
