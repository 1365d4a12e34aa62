"""Every page for everybody: contrast of texts, names of controls, the Tab key, and colours under colour blindness.

Measured in Chromium: colours as they are painted, names as in its accessibility tree, and pixels under its simulations of
missing cones. What Streamlit's tables draw on a canvas cannot be measured so, and is left out.
"""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rollmill.dashboards.parts.strip import MARKS
from rollmill.flows import cli
from rollmill.page import page_titles, path_of
from rollmill.storage.queries import Reader, run_scope, search_problems
from rollmill.storage.schedules import Schedule, Schedules
from rollmill.storage.workspace import Workspace
from tests.chromium import settled
from tests.dashboards.conftest import run_in, serving
from tests.dashboards.measured import nameless, pale, too_close, unreached, wider
from tests.dashboards.pages.models.conftest import training_recipe
from tests.dashboards.pages.test_mixture import MIXTURE
from tests.dashboards.test_browser import browser, served, shoot, strangers, visit
from tests.flows.cli.make.test_evaluate import EVALUATION
from tests.flows.conftest import RECIPE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
__all__ = ["browser", "served", "strangers"]  # fixtures
PAGES = (  # a name for the picture, the heading, the address
    ("home", "Home", ""),
    ("new-run", "New run", "new"),
    ("new-evaluate", "New run", "new?what=Evaluate"),
    ("new-train", "New run", "new?what=Train"),
    ("new-audit", "New run", "new?what=Audit"),
    ("new-export", "New run", "new?what=Export"),
    ("runs", "Runs", "runs?run={toy}"),
    ("runs-refused", "Runs", "runs?run={held}&tab=Gate"),
    ("schedules", "Schedules", "schedules?schedule=nightly"),
    ("datasets", "Datasets", "datasets?dataset=toy"),
    ("datasets-drift", "Datasets", "datasets?dataset=toy&tab=Drift"),
    ("datasets-mixture", "Datasets", "datasets?dataset=blend&tab=Mixture"),
    ("diff", "Diff", "diff?dataset=toy"),
    ("explore", "Explore", "explore?of=run+{toy}&rows=rollouts"),
    ("explore-problem", "Explore", "explore?of=run+{toy}&problem={problem}"),
    ("compare", "Compare", "compare?evaluation=sums"),
    ("compare-allocations", "Compare", "compare?evaluation=toy&more=Allocations"),
    ("difficulty", "Difficulty and budget", "difficulty?of=run+{toy}"),
    ("difficulty-budget", "Difficulty and budget", "difficulty?of=run+{toy}&view=Budget"),
    ("review", "Review", "review"),
    ("verifiers", "Verifiers", "verifiers?of=run+{toy}"),
    ("verifiers-rules", "Verifiers", "verifiers?of=run+{toy}&view=Rules"),
    ("papers", "Papers", "papers?paper=lemma"),
    ("no-such-page", "No such page", "nowhere"),
    *((path_of(title), title, path_of(title)) for title in page_titles()),
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(curated: Path) -> Path:
    """The workspace with something on every page: an evaluation, an audit, and runs and firings of every end."""
    (curated / "sums.yaml").write_text(EVALUATION)
    training_recipe(curated)
    with Reader.open(curated) as reader:
        toy = next(run.id for run in reader.runs.list() if run.name == "toy")
    run_in(curated, ["evaluate", "sums.yaml", "--direct"], ["audit", "verifier", "number", "--run", toy, "--n", "12"])
    (curated / "mix.yaml").write_text(MIXTURE)
    allocation = ["replay", "toy", "--allocator", "ucb batch=2", "--arms", "level", "--out", "replays/toy"]
    run_in(curated, ["mix", "mix.yaml"], allocation)
    run_in(curated, ["dataset", "sign-off", "toy@v1", "--by", "ann"], ["dataset", "tag", "toy@v1", "release"])
    with Workspace.open(curated) as ws:
        for run, summary in (("broken-11111111", {"error": "no"}), ("refused-22222222", {"error": "no", "funnel": {}})):
            ws.runs.open(run, name=run.partition("-")[0], recipe={}, recipe_hash="0" * 64)
            ws.runs.finish(run, "failed", summary)
        Schedules(ws.state).add(Schedule("nightly", "0 2 * * *", str(curated / "toy.yaml")))
        for status in ("done", "killed", "refused", "stopped", "failed"):
            ws.firings.end(ws.firings.begin("nightly", "toy.yaml").id, status, f"it {status}", None)
    (curated / "held.yaml").write_text(RECIPE.replace("name: toy", "name: held").replace("min_kept: 10", "min_kept: 5000"))
    with chdir(curated):
        assert cli.run(["curate", "held.yaml", "--direct"]) == 1
    return curated


@pytest.fixture(scope="module")
def printed(filled: Path) -> Iterator[str]:
    with serving(filled) as address:
        yield address


@pytest.fixture(scope="module")
def addresses(filled: Path) -> dict[str, str]:
    """What stands for the names in PAGES."""
    with Reader.open(filled) as reader:
        known = {run.name: run.id for run in reversed(reader.runs.list())}
        problem = search_problems(run_scope(reader, known["toy"])).rows[0].id
    return {"toy": known["toy"], "held": known["held"], "problem": problem}


def drawn(page: Page, address: str, title: str) -> None:
    """Open a page, with its charts."""
    visit(page, address, title)
    redrawn(page)
    for words in ("Forecasting from what is stored", "Checking, "):  # the page changes when the answers come
        expect(page.get_by_text(words)).to_have_count(0)
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        if chart.is_visible():
            expect(chart.locator("svg, canvas").first).to_be_visible()


def redrawn(page: Page) -> None:
    """The page is drawn anew after a change of its size or its colours."""
    page.wait_for_timeout(300)
    settled(page)
    page.wait_for_timeout(300)


@pytest.mark.parametrize(("name", "title", "path"), PAGES, ids=[name for name, _, _ in PAGES])
def test_a_page_is_read_and_used_by_everybody(
    browser: Page, served: str, addresses: dict[str, str], name: str, title: str, path: str
) -> None:
    drawn(browser, f"{served}/{path.format(**addresses)}", title)
    session = browser.context.new_cdp_session(browser)
    found = {"without a name": nameless(session), "colours too close": too_close(browser, session)}
    browser.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    for width, scheme in ((1400, "light"), (1400, "dark"), (800, "dark"), (800, "light")):
        browser.set_viewport_size({"width": width, "height": 1700})
        browser.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        redrawn(browser)
        shoot(browser, f"{name}-{width}-{scheme}")
        found[f"pale, {width} {scheme}"] = pale(browser)
        found[f"wider than {width}, {scheme}"] = wider(browser)
    found["not reached"] = unreached(browser)
    found["exceptions"] = browser.get_by_test_id("stException").all_inner_texts()
    assert {what: where for what, where in found.items() if where} == {}


def test_ends_and_outcomes_have_a_sign_beside_their_colour(browser: Page, served: str, addresses: dict[str, str]) -> None:
    assert len({icon for icon, _ in MARKS.values()}) == len(MARKS)
    drawn(browser, f"{served}/schedules?schedule=nightly", "Schedules")
    squares = browser.locator(".st-key-strip-firings p:has(em)")
    squares.nth(5).wait_for(state="attached")  # a busy machine draws them one after another
    signs = {square.locator(".stMarkdownBadge").inner_text(): str(square.text_content()) for square in squares.all()}
    assert {"check", "bolt", "block", "front_hand", "close", "schedule"} == signs.keys()
    for icon, word in (("bolt", "killed"), ("block", "refused"), ("front_hand", "stopped"), ("close", "failed")):
        assert word in signs[icon]
    drawn(browser, f"{served}/explore?of=run+{addresses['toy']}&rows=rollouts", "Explore")
    assert set(browser.locator(".cell:has(.sign)").all_inner_texts()) == {"✓correct", "✗incorrect"}
