"""A walk through the served dashboard in headless Chromium: every page, one problem opened, while a run writes.

Screenshots land in $ROLLMILL_SCREENSHOTS when it names a folder; somebody should look at them after a page changed.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from dashboards.pages.verifiers import TABS
from storage.audits import PersonJudgement
from storage.queries import Reader, run_scope, search_problems
from tests.dashboards.conftest import HOSTILE, serving
from tests.flows.conftest import finish, start

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or "chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)  # five seconds otherwise, which a busy machine needs for less


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
def browser(printed: str, served: str, strangers: list[str]) -> Iterator[Page]:
    """A page that may write, and fails the test when it asks anything of another host."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1400, "height": 1700})
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: strangers.append(request.url) if _is_foreign(request.url, served) else None)
        page.goto(printed)
        yield page
        chromium.close()
    assert strangers == []


def _is_foreign(url: str, served: str) -> bool:
    return url.startswith(("http:", "https:", "ws:", "wss:")) and url.split("/")[2] != served.split("/")[2]


def visit(page: Page, address: str, title: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)
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


def test_hostile_text_in_every_field_is_inert_on_every_page(browser: Page, served: str, curated: Path) -> None:
    with Reader.open(curated) as reader:
        run = next(run.id for run in reader.runs.list() if run.name == "hostile")
    ended = finish(start("audit", "verifier", "number", "--run", run, "--n", "3", cwd=curated))
    assert ended.status == 0, ended.err
    with Reader.open(curated) as reader:
        audit = next(audit for audit in reader.audits.list() if audit.source == run)
        items = reader.audits.items(audit.id)
        reader.audits.judge(
            PersonJudgement(item.completion_id, item.problem_id, HOSTILE, "correct", HOSTILE) for item in items
        )
        problem = search_problems(run_scope(reader, run)).rows[0].id
    second = "verify=[{method: exact, options: {answer: final}}]"  # another verdict makes another version: Diff has two
    ended_again = finish(
        start("curate", "hostile.yaml", "--direct", "--set", second, "--set", "gate.min_kept=0", cwd=curated)
    )
    assert ended_again.status == 0, ended_again.err
    scheduled = finish(start("schedule", "add", "hostile.yaml", "--cron", "0 2 * * *", cwd=curated))
    assert scheduled.status == 0, scheduled.err
    saved = finish(start("view", "save", "--", HOSTILE[:60].replace("\u202e", ""), "outcome=correct", cwd=curated))
    assert saved.status == 0, saved.err
    yanked = finish(start("dataset", "yank", "hostile@v1", "--reason", HOSTILE.replace("\u202e", ""), cwd=curated))
    assert yanked.status == 0, yanked.err
    of = f"of=run+{run}"
    for title, path in (
        ("Home", "home"),
        ("Runs", f"runs?run={run}"),
        ("Datasets", "datasets?dataset=hostile"),
        ("Datasets", "datasets?dataset=hostile&tab=Quality+report"),
        ("Datasets", "datasets?dataset=hostile&tab=Manifest"),
        ("Explore", f"explore?{of}&problem={problem}"),
        ("Explore", f"explore?{of}&rows=rollouts"),
        *(("Difficulty and budget", f"difficulty?{of}&by={by}") for by in ("skill", "template", "source", "model")),
        ("Compare", "compare?evaluation=hostile"),
        ("Difficulty and budget", f"budgets?{of}"),
        ("Review", "review"),
        ("Schedules", "schedules"),
        ("Diff", "diff?dataset=hostile"),
        *(("Verifiers", f"verifiers?{of}&view={quote(tab)}") for tab in TABS),
        ("Explore", f"problems?of={quote(HOSTILE)}"),
    ):
        visit(browser, f"{served}/{path}", title)
        for summary in browser.locator('[data-testid="stExpander"] summary').all():
            summary.click()
        browser.wait_for_timeout(1500)
        assert browser.title() != "owned", path
        main = browser.get_by_test_id("stApp")
        assert main.locator("img[alt='pixel'], [src*='47999'], [href*='47999'], .katex [href]").count() == 0, path
        formulas = main.locator(".katex").count()
        assert formulas == main.locator("[class*='st-key-prose-'] .katex").count(), path  # of texts, not of names
    finish(start("dataset", "unyank", "hostile@v1", cwd=curated))


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
    process = start("curate", "live.yaml", "--direct", cwd=curated, TOY_SLEEP="0.15")
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
