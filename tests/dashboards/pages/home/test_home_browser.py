"""Home in the browser: every line of "Needs you" opens its task, a point its version, and the tour stays closed."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.storage.queries import Reader, undecided_queue
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE
from tests.dashboards.conftest import run_in, serving
from tests.dashboards.test_browser import shoot, visit
from tests.flows.conftest import RECIPE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

DOUBTS = """\
from rollmill.pipelines.verify.finding import Finding, OneByOne


class Doubts(OneByOne):
    name = "doubts"
    version = "1"
    rules = (("doubt", "1"), ("equal", "1"))

    def judge(self, problem, completion):
        if int(problem.reference) % 5 == 0:
            return Finding("undecided", "doubt", "it cannot tell")
        return Finding("correct" if completion.text.endswith(problem.reference) else "incorrect", "equal")
"""


@pytest.fixture(scope="module")
def tasks(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the workspace with a task of every kind."""
    folder = tmp_path_factory.mktemp("home") / "ws"
    shutil.copytree(curated, folder)
    (folder / "doubts.py").write_text(DOUBTS)
    doubtful = RECIPE.replace("name: toy", "name: doubtful").replace("method: number", "method: doubts.py:Doubts")
    (folder / "doubts.yaml").write_text(doubtful.replace("min_kept: 10", "min_kept: 1\n  max_undecided: 1.0"))
    with Reader.open(folder) as reader:
        toy = [run.id for run in reader.runs.list() if run.name == "toy"][-1]
    run_in(
        folder,
        ["curate", "doubts.yaml", "--direct"],
        ["audit", "verifier", "number", "--run", toy, "--n", "7"],
        ["dataset", "sign-off", "toy@v1", "--by", "ann"],
    )
    with Workspace.open(folder) as ws:
        for run, summary in (("broken-11111111", {"error": "no"}), ("refused-22222222", {"error": "no", "funnel": {}})):
            ws.runs.open(run, name=run.partition("-")[0], recipe={}, recipe_hash="0" * 64)
            ws.runs.finish(run, "failed", summary)
        schedules = Schedules(ws.state)
        schedules.add(Schedule("nightly", "0 2 * * *", str(folder / "toy.yaml")))
        schedules.add(Schedule("rests", "0 3 * * *", str(folder / "toy.yaml"), paused=True))
        ws.firings.end(ws.firings.begin("nightly", "toy.yaml").id, "failed", "the disk was full", None)
    return folder


def at_home(chromium: Browser, printed: str, width: int = 1400) -> Page:
    page = chromium.new_page(viewport={"width": width, "height": 1500})
    page.set_default_timeout(PATIENCE)
    visit(page, printed, "Home")
    return page


def judged(page: Page, count: int) -> None:
    """The page is Review with a queue of so many rollouts."""
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()
    page.get_by_label("Your name").fill("ann")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text(f"0 of {count} judged by ann", exact=False)).to_be_visible()


def test_each_line_that_needs_a_person_opens_exactly_its_task(tasks: Path, chromium: Browser) -> None:
    with Reader.open(tasks) as reader:
        doubtful = next(run.id for run in reader.runs.list() if run.name == "doubtful")
        undecided = len(undecided_queue(reader, doubtful).pairs)
    assert undecided > 7
    with serving(tasks) as printed:
        page = at_home(chromium, printed)
        said: list[str] = []
        home = printed.partition("?")[0]
        page.on("console", lambda message: said.append(message.text) if page.url == home else None)
        shoot(page, "home-tasks")

        def follow(text: str) -> None:
            visit(page, home, "Home")
            page.get_by_role("link", name=re.compile(re.escape(text))).click()

        follow(f"{undecided} rollouts of {doubtful} are undecided")
        judged(page, undecided)
        expect(page.get_by_text("it cannot tell")).to_have_count(0)  # the verdict is hidden
        follow("7 of 7 rollouts wait in the audit number on toy-")
        judged(page, 7)
        follow("refused-22222222 was refused by its gate")
        expect(page.get_by_role("heading", name="refused-22222222")).to_be_visible()
        expect(page.get_by_role("tab", name="Gate")).to_have_attribute("aria-selected", "true")
        follow("broken-11111111 crashed")
        expect(page.get_by_role("heading", name="broken-11111111")).to_be_visible()
        follow("Schedule nightly failed")
        expect(page.get_by_role("heading", name="nightly")).to_be_visible()
        expect(page.get_by_text("the disk was full", exact=True)).to_be_visible()
        follow("Schedule rests is paused")
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        follow("toy@v2 has no sign-off; toy@v1 has one")
        expect(page.get_by_role("heading", name="toy@v2")).to_be_visible()
        expect(page.get_by_role("tab", name="Tags and sign-off")).to_have_attribute("aria-selected", "true")

        visit(page, home, "Home")
        page.locator("path[aria-label*='toy@v1']").last.click()
        page.wait_for_url("**/datasets?dataset=toy&version=toy%40v1*")
        expect(page.get_by_role("heading", name="toy@v1")).to_be_visible()
        visit(page, home, "Home")
        expect(page.locator(".vega-embed").nth(2)).to_be_visible()
        page.get_by_role("link", name=re.compile(f"{doubtful}: done")).click()
        expect(page.get_by_role("heading", name=doubtful)).to_be_visible()
        assert [text for text in said if "WARN" in text or "vega" in text.lower()] == []


def test_the_tour_stays_closed_in_this_browser_and_cards_stack_on_a_narrow_page(tasks: Path, chromium: Browser) -> None:
    with serving(tasks, "--read-only") as printed:
        page = at_home(chromium, printed, width=800)
        boxes = [page.get_by_role("heading", name=name).bounding_box() for name in ("Needs you", "Running")]
        assert boxes[0] is not None
        assert boxes[1] is not None
        assert (boxes[0]["x"], boxes[0]["y"] < boxes[1]["y"]) == (boxes[1]["x"], True)
        steps = page.get_by_text("Rollmill in four steps")
        expect(steps).to_be_visible()
        shoot(page, "home-narrow")
        page.get_by_role("button", name="Close the tour").click()
        expect(steps).to_have_count(0)
        page.wait_for_function("document.cookie.includes('tour-')")
        visit(page, printed, "Home")
        expect(page.get_by_role("button", name="Tour")).to_be_visible()
        expect(steps).to_have_count(0)
        page.get_by_role("button", name="Tour").click()
        expect(steps).to_be_visible()
        expect(page.get_by_role("button", name="Start", exact=True)).to_be_disabled()
        expect(at_home(chromium, printed).get_by_text("Rollmill in four steps")).to_be_visible()  # another browser
