"""From a workspace that has recipes and no run to a published version, in Chromium and with the mouse alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from rollmill.storage.queries import Reader, datasets, runs
from rollmill.storage.workspace import Workspace
from tests.chromium import PATIENCE
from tests.dashboards.conftest import serving
from tests.dashboards.test_browser import shoot
from tests.flows.cli.make.test_evaluate import EVALUATION
from tests.flows.conftest import RECIPE, ROOT

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A workspace with a recipe and an evaluation, and no run."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(ROOT / "tests" / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "sums.yaml").write_text(EVALUATION)
    return folder


@pytest.fixture
def page(chromium: Browser, begun: Path) -> Iterator[Page]:
    """The dashboard's first page, in a browser that may write."""
    with serving(begun) as printed:
        shown = chromium.new_page(viewport={"width": 1400, "height": 1300})
        shown.set_default_timeout(PATIENCE)
        shown.goto(printed)
        yield shown
        shown.close()


def test_a_run_is_started_with_the_mouse_alone(page: Page, begun: Path) -> None:
    page.get_by_role("link", name="Start a run here").click()
    expect(page.get_by_role("heading", name="New run", exact=True)).to_be_visible()
    cap = page.get_by_test_id("stNumberInput").filter(has=page.get_by_text("Cap", exact=True))
    cap.get_by_test_id("stNumberInputStepDown").click()
    expect(page.get_by_text("budget.options.cap=15", exact=True)).to_be_visible()
    pilot = page.get_by_role("button", name="Forecast with a pilot of 48 completions")
    pilot.click()
    expect(page.get_by_text("It draws 48 completions, which are kept apart from the run's")).to_be_visible()
    page.get_by_role("button", name="Yes, forecast with a pilot").click()
    expect(page.get_by_text("40 simulated runs", exact=False)).to_be_visible()
    shoot(page, "new-run-forecast")
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("rollmill curate toy.yaml --set budget.options.cap=15 --direct")).to_be_visible()
    expect(page.get_by_text("It takes about", exact=False)).to_be_visible()
    shoot(page, "new-run-asks")
    page.get_by_role("button", name="Yes, start the run").first.dblclick()
    page.wait_for_url("**/runs?run=toy-*")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    expect(page.get_by_text("rollmill dataset show toy", exact=False)).to_be_visible()
    shoot(page, "new-run-landed")
    with Reader.open(begun) as reader:
        assert [run.is_pilot for run in runs(reader)] == [False, True]  # two clicks began one run
        assert [row.newest.ref for row in datasets(reader) if row.newest] == ["toy@v1"]
        assert reader.forecasts.of_run(runs(reader)[0].id) is not None

    page.get_by_role("link", name="Datasets").click()
    page.get_by_role("link", name="Run its recipe again or changed").click()
    expect(page.get_by_text("The run of this recipe is done: nothing would be drawn.")).to_be_visible()
    page.get_by_text("Evaluate", exact=True).click()
    expect(page.get_by_text("4 of 4")).to_be_visible()
    page.get_by_role("button", name="Start the evaluation").click()
    page.get_by_role("button", name="Yes, start the evaluation").click()
    page.wait_for_url(lambda url: "/runs?run=sums" in url or "/compare?evaluation=sums" in url)


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (800, "dark")])
def test_the_form_fits_the_window(page: Page, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 2000})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.get_by_role("link", name="Start a run here").click()
    expect(page.get_by_role("button", name="Forecast with a pilot of 48 completions")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    form, panel = (
        page.get_by_text("Recipe", exact=True).last.bounding_box(),
        page.locator(".st-key-new-panel").bounding_box(),
    )
    assert form is not None
    assert panel is not None
    assert (panel["y"] < form["y"] + 400) == (width == 1400)  # beside the form, or under it
    shoot(page, f"new-run-{width}-{scheme}")
