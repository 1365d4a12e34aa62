"""The table and the heat map of Explore in headless Chromium: a click or a key opens a row, a cell filters."""

import re
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.chromium import PATIENCE
from tests.dashboards.test_browser import browser, printed, served, shoot, strangers, visit

pytestmark = pytest.mark.browser
__all__ = ["browser", "printed", "served", "strangers"]  # fixtures
FIRST = 1  # row below the headings


def address(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def headings(page: Page) -> list[str]:
    return [text.rstrip("▲▼") for text in page.get_by_role("columnheader").all_inner_texts()]


def closed(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0, timeout=PATIENCE)
    page.wait_for_url(lambda url: "problem=" not in url)


def test_a_click_or_enter_opens_the_row_and_it_is_marked(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1&sort=id", "Explore")
    rows, drawer = browser.get_by_role("row"), browser.get_by_role("dialog")
    expect(rows).to_have_count(13)
    expect(browser.get_by_role("grid")).to_have_attribute("aria-rowcount", "13")
    rows.nth(2).get_by_role("gridcell").nth(1).click()
    expect(drawer.get_by_text("problem 2 of 12 matches")).to_be_visible(timeout=PATIENCE)
    expect(rows.nth(2)).to_have_attribute("aria-selected", "true")
    [opened] = address(browser)["problem"]
    browser.keyboard.press("ArrowRight")
    expect(drawer.get_by_text("problem 3 of 12 matches")).to_be_visible(timeout=PATIENCE)
    expect(rows.nth(3)).to_have_attribute("aria-selected", "true")
    expect(rows.nth(2)).to_have_attribute("aria-selected", "false")
    shoot(browser, "explore-open-row")
    closed(browser)
    expect(rows.nth(3)).to_be_focused()
    for key, focused in (
        ("ArrowDown", 4),
        ("ArrowUp", 3),
        ("Home", FIRST),
        ("ArrowUp", FIRST),
        ("End", 12),
        ("ArrowDown", 12),
    ):
        browser.keyboard.press(key)
        expect(rows.nth(focused)).to_be_focused()
    browser.keyboard.press("Home")
    browser.keyboard.press("ArrowDown")
    browser.keyboard.press("Enter")
    expect(drawer.get_by_text("problem 2 of 12 matches")).to_be_visible(timeout=PATIENCE)
    assert address(browser)["problem"] == [opened]
    closed(browser)
    link = rows.nth(2).get_by_role("link").get_attribute("href")
    assert link == f"?of=version+toy%40v1&sort=id&problem={opened}"
    with browser.context.expect_page() as tab:
        rows.nth(2).get_by_role("link").click(modifiers=["ControlOrMeta"])
    expect(tab.value.get_by_role("dialog").get_by_text("problem 2 of 12 matches")).to_be_visible(timeout=PATIENCE)
    expect(drawer).to_have_count(0)  # the click opened no row here


def test_a_row_of_rollouts_opens_that_rollout(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1&rows=rollouts&sort=id&cols=id,outcome", "Explore")
    rows = browser.get_by_role("row")
    rollout = rows.nth(3).get_by_role("gridcell").first.inner_text()
    rows.nth(3).click()
    browser.wait_for_url(f"**rollout={rollout}*")
    expect(rows.nth(3)).to_have_attribute("aria-selected", "true")
    expect(browser.locator('.row[aria-selected="true"]')).to_have_count(1)  # other rollouts of the problem are not open


def test_a_heading_sorts_all_matches_and_says_so(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1", "Explore")
    rate = browser.get_by_role("columnheader", name="pass rate")
    expect(browser.get_by_role("columnheader", name="level")).to_have_attribute("aria-sort", "ascending")
    rate.get_by_role("button").focus()
    browser.keyboard.press("Enter")
    expect(rate).to_have_attribute("aria-sort", "ascending", timeout=PATIENCE)
    expect(rate.get_by_role("button")).to_be_focused()
    browser.keyboard.press("Enter")
    expect(rate).to_have_attribute("aria-sort", "descending", timeout=PATIENCE)
    assert (address(browser)["sort"], address(browser)["down"]) == (["pass rate"], ["yes"])
    place = headings(browser).index("pass rate")
    shown = [float(row.get_by_role("gridcell").nth(place).inner_text()) for row in browser.get_by_role("row").all()[FIRST:]]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] > shown[-1]


def test_chosen_columns_reopen_with_their_link(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1", "Explore")
    assert headings(browser) == ["problem", "level", "k of n", "pass rate", "shrunken", "kept", "template"]
    wide = width(browser.get_by_role("columnheader", name="problem"))
    browser.get_by_role("button", name="Columns").click()
    box = browser.get_by_role("combobox", name="Columns, in the order of their choice")
    box.fill("reference")
    box.press("Enter")
    browser.wait_for_url(re.compile("cols=.*reference"))
    browser.keyboard.press("Escape")  # the open box hides the page from a reader
    chosen = ["problem", "level", "k of n", "pass rate", "shrunken", "kept", "template", "reference"]
    expect(browser.get_by_role("columnheader")).to_have_count(8, timeout=PATIENCE)
    assert headings(browser) == chosen
    assert width(browser.get_by_role("columnheader", name="problem")) < wide  # it takes what is left
    visit(browser, browser.url, "Explore")
    expect(browser.get_by_role("columnheader")).to_have_count(8)
    assert headings(browser) == chosen


def ends(part: Locator) -> tuple[float, float]:
    """The left and the right end of a part of the page."""
    box = part.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


def width(part: Locator) -> float:
    left, right = ends(part)
    return right - left


@pytest.mark.parametrize(
    ("rows", "main"),
    [("problems", ["problem", "level", "k of n", "pass rate"]), ("rollouts", ["problem", "outcome", "level"])],
)
def test_main_columns_stay_in_sight_at_800_pixels(browser: Page, served: str, rows: str, main: list[str]) -> None:
    browser.set_viewport_size({"width": 800, "height": 1000})
    extra = {"problems": "kept,template,reference,id,rollouts", "rollouts": "answer,rule,reason,tokens,id"}[rows]
    first = {"problems": "level,pass+rate", "rollouts": "level,outcome"}[rows]
    rest = {"problems": "correct,problem", "rollouts": "problem"}[rows]
    # Extra columns stand between the main ones.
    visit(browser, f"{served}/explore?of=version+toy%40v1&rows={rows}&cols={first},{extra},{rest}", "Explore")
    grid, body = browser.get_by_role("grid"), browser.locator(".body")
    expect(browser.get_by_role("row")).not_to_have_count(0)
    assert browser.evaluate("document.documentElement.scrollWidth") <= 800  # the page itself does not scroll to the side
    places = {name: headings(browser).index(name) for name in main}
    cells = browser.get_by_role("row").nth(FIRST).get_by_role("gridcell")
    for to in (0, 150, 10_000):
        body.evaluate("(part, to) => { part.scrollLeft = to; }", to)
        browser.wait_for_timeout(100)
        left, right = ends(grid)
        spans = {name: ends(cells.nth(place)) for name, place in places.items()}
        for name, span in spans.items():
            assert left <= span[0] < span[1] <= right, (name, to)
            heading = ends(browser.get_by_role("columnheader", name=name, exact=True))
            assert heading == pytest.approx(span, abs=1), (name, to)  # headings follow their columns
        in_order = sorted(spans.values())
        assert all(one[1] <= next_one[0] + 1 for one, next_one in pairwise(in_order)), to  # none covers another
    shoot(browser, f"explore-800-{rows}")


def test_a_cell_of_the_heat_map_filters_and_takes_it_back(browser: Page, served: str) -> None:
    visit(browser, f"{served}/explore?of=version+toy%40v1&rowsby=level&colsby=template", "Explore")
    expect(browser.get_by_text("12 problems match")).to_be_visible()
    cell = browser.locator('[aria-roledescription="rect mark"][aria-label^="level 1, template"]').first
    expect(cell).to_be_visible(timeout=PATIENCE)
    shoot(browser, "explore-heat")
    cell.click(position={"x": 5, "y": 5})  # beside its text
    browser.wait_for_url(lambda url: "level=1" in url and "template=" in url)
    expect(browser.get_by_text(re.compile(r"^\d+ problems? match"))).to_be_visible(timeout=PATIENCE)
    [template] = address(browser)["template"]
    expect(browser.get_by_text("12 problems match")).to_have_count(0, timeout=PATIENCE)
    shoot(browser, "explore-heat-chosen")
    chosen = browser.locator(f'[aria-roledescription="rect mark"][aria-label="level 1, template {template}"]')
    expect(chosen).to_have_attribute("stroke-width", "4")
    box = chosen.bounding_box()
    assert box is not None
    browser.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # on its text
    browser.wait_for_url(lambda url: "template=" not in url)
    expect(browser.get_by_text("12 problems match")).to_be_visible(timeout=PATIENCE)
    assert (address(browser)["rowsby"], address(browser)["colsby"]) == (["level"], ["template"])
